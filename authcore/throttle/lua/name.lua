-- What all nodes know of one name: failures (f:<try> = when), running tries (r:<try> = until when they count), the end of
-- its lock, how many locks there were, and up to which end locks are void.
-- ARGV: time, operation, try, and in microseconds but for the number: failures, window, first, max, the longest a try
-- runs; then what the caller remembers: end of the lock from now, locks, and the age of each failure.
-- Returns a status (0 admitted, 1 locked, 2 full), end of the lock from now, locks, and the age of each failure.
local op, try = ARGV[2], ARGV[3]
local limit, window, first, longest, hold = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local flat = redis.call('HGETALL', KEYS[1])
local till, locks, void, known = 0, 0, 0, 0
local failures, running, runs = {}, {}, 0
for i = 1, #flat, 2 do
	local kind, rest, at = string.sub(flat[i], 1, 2), string.sub(flat[i], 3), tonumber(flat[i + 1]) or 0
	if kind == 'f:' then
		failures[#failures + 1] = {rest, math.min(at, now)}
	elseif kind == 'r:' then
		if at > now then running[rest] = math.min(at, now + hold) end
	elseif flat[i] == 'until' then till = at
	elseif flat[i] == 'locks' then locks = at
	elseif flat[i] == 'void' then void = at
	elseif flat[i] == 'known' then known = 1 end
end

if op == 'begin' then
	local remembered, lockedBefore = now + tonumber(ARGV[9]), tonumber(ARGV[10])
	-- Redis may have lost a lock that a node remembers. Half a second is more than messages take, else every late one would
	-- move the end on; a minute is for clocks that differ.
	if lockedBefore > 0 and remembered > till + 500000 and remembered > void + 60000000 then
		till, locks = remembered, math.max(locks, lockedBefore)
	end
	if #flat == 0 then
		for i = 11, #ARGV do failures[#failures + 1] = {try .. i, now - tonumber(ARGV[i])} end
	end
end

-- What time has made void is forgotten.
till = math.min(till, now + longest)
table.sort(failures, function(a, b) return a[2] < b[2] end)
while #failures > 0 and now - failures[1][2] >= window do table.remove(failures, 1) end
local failed = #failures
while #failures >= limit do table.remove(failures, 1) end -- after the policy became stricter the next failure locks
for _ in pairs(running) do runs = runs + 1 end
if failed == 0 and runs == 0 and now - till >= window then locks = 0 end

local status = 0
if op == 'begin' then
	if till > now then status = 1
	elseif #failures + runs >= limit then status = 2
	else running[try] = now + hold end
else
	running[try] = nil
end
if op == 'fail' then
	failures[#failures + 1] = {try, now}
	if #failures >= limit then
		status, failures = 1, {}
		local length = first
		for _ = 1, locks do length = math.min(2 * length, longest) end
		till, locks = now + math.min(length, longest), locks + 1
	end
elseif op == 'succeed' or op == 'forget' then
	-- Other nodes remember what is forgotten here: their memory must not bring it back.
	if #failures > 0 or locks > 0 or op == 'forget' then known, void = 1, math.max(void, till) end
	failures, till, locks = {}, 0, 0
end

redis.call('DEL', KEYS[1])
local fields, answer, keep = {}, {status, till - now, locks}, false
local function put(field, value) fields[#fields + 1] = field; fields[#fields + 1] = whole(value) end
for _, f in ipairs(failures) do
	put('f:' .. f[1], f[2])
	answer[#answer + 1] = now - f[2]
	keep = true
end
if locks > 0 then put('until', till); put('locks', locks); keep = true end
if void > 0 then put('void', void); keep = true end
if known > 0 then put('known', known); keep = true end
for id, at in pairs(running) do put('r:' .. id, at) end
if #fields > 0 then
	redis.call('HSET', KEYS[1], unpack(fields))
	local life = hold
	if keep then life = math.max(hold, longest + window) end
	redis.call('PEXPIRE', KEYS[1], whole(math.ceil(life / 1000)))
end
return answer
