-- Gives one event back on each of KEYS. ARGV: time, then each key's interval.
for i = 1, #KEYS do
	local tat = (tonumber(redis.call('GET', KEYS[i]) or '') or 0) - tonumber(ARGV[i + 1])
	if tat > now then
		redis.call('SET', KEYS[i], whole(tat), 'PX', whole(math.ceil((tat - now) / 1000)))
	else
		redis.call('DEL', KEYS[i])
	end
end
return 0
