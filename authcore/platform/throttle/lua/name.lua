-- What all nodes know of one name: failures (f:<try> = when), running tries (r:<try> = until when they count), the end of
-- its lock, how many locks there were, up to which end locks are void, when failures were forgotten last, and the pardon
-- of the last success or reset: nodes alone can make and check one.
-- ARGV: time, operation, try, and in microseconds but for the number: failures, window, first, max, the longest a try
-- runs; then for 'begin' and 'fail' what the caller remembers: end of the lock from now, locks, and try and age of each
-- failure; for 'succeed' and 'forget' the four numbers of a pardon.
-- Returns a status (0 admitted, 1 locked, 2 full, 3 locked by this very call; 'succeed' 1 where it voided a lock), end of
-- the lock from now, locks, the four numbers of a pardon, and try and age of each failure.
local op, try = ARGV[2], ARGV[3]
local limit, window, first, longest, hold = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local flat = read('HGETALL', KEYS[1]) or {}
local till, locks, void, forgot, pardon = 0, 0, 0, 0, {0, 0, 0, 0}
local failures, failed, running, runs = {}, {}, {}, 0
local function add(id, at)
	if not failed[id] then
		failed[id] = true
		failures[#failures + 1] = {id, at}
	end
end
-- Whoever else can write to Redis may have put anything here: what is no try is nothing, and no time is beyond what nodes
-- write. Nodes of the release before call their tries by UUIDs: those that run keep their names, for their nodes end them
-- by these, and those that failed get numbers.
local function named(kind, rest)
	if string.find(rest, '^%d+$') and #rest <= 16 then return rest end
	if not string.find(rest, '^%x%x%x%x%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x%x%x%x%-%x+$') or #rest > 40 then return nil end
	if kind == 'r:' then return rest end
	return string.format('%d', tonumber(string.sub(rest, 1, 8), 16))
end
for i = 1, #flat, 2 do
	local kind, text = string.sub(flat[i], 1, 2), flat[i + 1]
	local rest = named(kind, string.sub(flat[i], 3))
	if rest then
		if kind == 'f:' then
			if #failures < 100 then add(rest, number(text, 0, now)) end -- nodes never leave more, nor could many be sorted fast
		elseif kind == 'r:' then
			local at = number(text, 0, now + hold)
			if at > now and runs < limit then running[rest], runs = at, runs + 1 end
		end
	elseif flat[i] == 'until' then till = number(text, 0, now + longest)
	elseif flat[i] == 'locks' then locks = math.floor(number(text, 0, 64))
	elseif flat[i] == 'void' then void = number(text, 0, now + longest)
	elseif flat[i] == 'forgot' then forgot = number(text, 0, now)
	elseif string.find(flat[i], '^p[1-4]$') then pardon[tonumber(string.sub(flat[i], 2))] = math.floor(number(text, 0, 2 ^ 53)) end
end
local recorded = #failures

local function lock(at)
	local length = first
	for _ = 1, math.min(locks, 64) do length = math.min(2 * length, longest) end
	till, locks, failures, forgot = at + math.min(length, longest), locks + 1, {}, now
end

if op == 'begin' then
	local remembered, lockedBefore = now + tonumber(ARGV[9]), tonumber(ARGV[10])
	-- Redis may have lost a lock that a node remembers. Half a second is more than messages take, else every late one would
	-- move the end on; a minute is for clocks that differ.
	if lockedBefore > 0 and remembered > till + 500000 and remembered > void + 60000000 then
		till, locks = math.min(remembered, now + longest), math.max(locks, lockedBefore)
	end
end
if op == 'begin' or op == 'fail' then
	-- It may have lost failures, or never have heard of those that a node counted alone.
	for i = 11, #ARGV, 2 do
		local id, at = ARGV[i], now - tonumber(ARGV[i + 1])
		if at > forgot then
			add(id, at)
			if running[id] then running[id], runs = nil, runs - 1 end
		end
	end
end

-- What time has made void is forgotten.
table.sort(failures, function(a, b) return a[2] < b[2] end)
while #failures > 0 and now - failures[1][2] >= window do table.remove(failures, 1) end
if #failures == 0 and runs == 0 and now - till >= window then locks = 0 end
local status = 0
if op ~= 'fail' and till <= now and #failures >= limit and #failures > recorded then
	-- Put together they are as many as lock.
	lock(failures[#failures][2])
	status = 3
end
while #failures >= limit do table.remove(failures, 1) end -- after the policy became stricter the next failure locks

if op == 'begin' then
	if till <= now then
		status = 0
		if #failures + runs >= limit then status = 2 else running[try] = now + hold end
	elseif status == 0 then status = 1 end
else
	running[try] = nil
end
if op == 'fail' then
	add(try, now)
	if #failures >= limit then
		status = 1
		lock(now)
	end
elseif op == 'succeed' or op == 'forget' then
	if till > now then status = 1 end
	-- Other nodes remember what is forgotten here: their memory must not bring it back.
	if #failures > 0 or locks > 0 or op == 'forget' then
		forgot, void = now, math.max(void, till)
		for i = 1, 4 do pardon[i] = tonumber(ARGV[8 + i]) end
	end
	failures, till, locks = {}, 0, 0
end

redis.call('DEL', KEYS[1])
local fields, answer, keep = {}, {status, till - now, locks, unpack(pardon)}, false
local function put(field, value) fields[#fields + 1] = field; fields[#fields + 1] = whole(value) end
for _, f in ipairs(failures) do
	put('f:' .. f[1], f[2])
	answer[#answer + 1] = tonumber(f[1])
	answer[#answer + 1] = now - f[2]
	keep = true
end
if locks > 0 then put('until', till); put('locks', locks); keep = true end
if void > 0 then put('void', void); keep = true end
if forgot > 0 then put('forgot', forgot); keep = true end
if pardon[1] > 0 then
	for i = 1, 4 do put('p' .. i, pardon[i]) end
	keep = true
end
for id, at in pairs(running) do put('r:' .. id, at) end
if #fields > 0 then
	redis.call('HSET', KEYS[1], unpack(fields))
	local life = hold
	if keep then life = math.max(hold, longest + window) end
	redis.call('PEXPIRE', KEYS[1], whole(math.ceil(life / 1000)))
end
return answer
