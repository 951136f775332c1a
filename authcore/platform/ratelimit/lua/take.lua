-- GCRA over all KEYS: counts one event on each, or on none. A key holds the time at which its budget is full again.
-- ARGV: time, whether to count, and for each key interval, window and how far ahead the caller remembers that time.
-- Returns the wait, then how far ahead each key's time is now.
local count = ARGV[2] == '1'
local wait, stored, tats, nexts = 0, {}, {}, {}
for i = 1, #KEYS do
	local interval, window, remembered = tonumber(ARGV[3 * i]), tonumber(ARGV[3 * i + 1]), tonumber(ARGV[3 * i + 2])
	stored[i] = read('GET', KEYS[i])
	-- More than a window ahead is only possible after a clock went back, the rate became stricter or somebody wrote it.
	local tat = number(stored[i], 0, now + window)
	-- What was lost differs by more than messages take: else every late one would move the time on.
	if now + remembered > tat + 500000 then tat = math.min(now + remembered, now + window) end
	tats[i] = math.max(now, tat)
	nexts[i] = tats[i] + interval
	wait = math.max(wait, nexts[i] - now - window)
end
local answer = {wait}
for i = 1, #KEYS do
	local tat = tats[i]
	if wait == 0 and count then tat = nexts[i] end
	if tat > now and whole(tat) ~= stored[i] then
		redis.call('SET', KEYS[i], whole(tat), 'PX', whole(math.ceil((tat - now) / 1000)))
	end
	answer[i + 1] = tat - now
end
return answer
