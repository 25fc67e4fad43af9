-- One hold with the semantics of a SKU: idempotency key, due holds first, limit per buyer, stock, time to live, order record.
-- KEYS: stock, units by buyer, key -> order, holds by end, orders
-- ARGV: order, buyer, quantity, key, fingerprint, now, hold ms, limit, document
local bound = redis.call('HGET', KEYS[3], ARGV[4])
if bound then
  local at = string.find(bound, ' ', 1, true)
  if string.sub(bound, 1, at - 1) ~= ARGV[5] then return { 'idempotency_key_reused' } end
  return { 'replayed', redis.call('HGET', KEYS[5], string.sub(bound, at + 1)) }
end
local quantity, now = tonumber(ARGV[3]), tonumber(ARGV[6])
for _, hold in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, 1000)) do
  local _, _, units, buyer = string.find(hold, '^%S+ (%d+) (.*)$')
  redis.call('ZREM', KEYS[4], hold)
  redis.call('INCRBY', KEYS[1], units)
  redis.call('HINCRBY', KEYS[2], buyer, -units)
end
if tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or '0') + quantity > tonumber(ARGV[8]) then return { 'purchase_limit' } end
if tonumber(redis.call('GET', KEYS[1]) or '0') < quantity then return { 'sold_out' } end
redis.call('DECRBY', KEYS[1], quantity)
redis.call('HINCRBY', KEYS[2], ARGV[2], quantity)
redis.call('HSET', KEYS[3], ARGV[4], ARGV[5] .. ' ' .. ARGV[1])
redis.call('ZADD', KEYS[4], now + tonumber(ARGV[7]), ARGV[1] .. ' ' .. ARGV[3] .. ' ' .. ARGV[2])
redis.call('HSET', KEYS[5], ARGV[1], ARGV[9])
return { 'held', ARGV[9] }
