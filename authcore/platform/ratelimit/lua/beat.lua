-- Notes that a node is there. ARGV: time, the node, after how long a silent node is forgotten.
-- Returns whether the node was not known, and how many are.
local silent = tonumber(ARGV[3])
read('ZCARD', KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', whole(now - silent))
-- A little ahead are others after the clock went back, far ahead is nobody.
redis.call('ZREMRANGEBYSCORE', KEYS[1], whole(now + silent), '+inf')
local new = redis.call('ZADD', KEYS[1], whole(now), ARGV[2])
redis.call('PEXPIRE', KEYS[1], whole(math.ceil(silent / 1000)))
return {new, redis.call('ZCARD', KEYS[1])}
