-- What a key holds, by the command for it. Something of another type was not put there by a node: it is removed, and counts
-- as nothing.
local function read(command, key)
	local got = redis.pcall(command, key)
	if type(got) ~= 'table' or not got.err then return got end
	if not string.find(got.err, 'WRONGTYPE', 1, true) then return error(got) end
	redis.call('DEL', key)
	return nil
end

-- A number that was read, which others than nodes may have written: between two others, and the first where it is none.
local function number(text, least, most)
	local n = tonumber(text)
	if not n or n ~= n then return least end
	return math.max(least, math.min(n, most))
end
