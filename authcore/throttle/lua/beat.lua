-- Notes that a node is there. ARGV: time, the node, after how long a silent node is forgotten.
-- Returns whether the node was not known, and how many are.
local new = redis.call('ZADD', KEYS[1], whole(now), ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', whole(now - tonumber(ARGV[3])))
redis.call('PEXPIRE', KEYS[1], whole(math.ceil(tonumber(ARGV[3]) / 1000)))
return {new, redis.call('ZCARD', KEYS[1])}
