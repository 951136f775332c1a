-- The time in microseconds: Redis's own, one clock for all nodes, unless the caller names one.
local now = tonumber(ARGV[1])
if not now then
	local t = redis.call('TIME')
	now = t[1] * 1000000 + t[2]
end

-- Lua would write so large a number with an exponent.
local function whole(n) return string.format('%.0f', n) end
