-- Gives one event back on each of KEYS. ARGV: time, then each key's interval and window.
for i = 1, #KEYS do
	local tat = number(read('GET', KEYS[i]), 0, now + tonumber(ARGV[2 * i + 1])) - tonumber(ARGV[2 * i])
	if tat > now then
		redis.call('SET', KEYS[i], whole(tat), 'PX', whole(math.ceil((tat - now) / 1000)))
	else
		redis.call('DEL', KEYS[i])
	end
end
return 0
