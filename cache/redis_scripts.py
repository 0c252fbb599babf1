"""What a store in Redis does in one step each, in Lua.

Beside the values there are, for each tag:

- `a360:generation:{tag}`: its generation, a text that is never given twice;
- `a360:changes:{tag}`: the changes that keep it dirty, scored with the time at which they stop to,
  in milliseconds of the server's clock.

A tag gets a new generation by losing the one it has: the next lookup gives one. So whatever Redis
forgets, by itself or because it was told to, is a miss.

The keys of every script are tags. A life of the server is told by the id it has from start to end:
a server that comes back with an old snapshot finds nothing of what is in it.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Script:
    """A script with the hash by which the server knows it once it has seen it."""

    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
        object.__setattr__(self, "sha", sha)


# Far longer than values live. Marks that expired are kept as long: who sees one renews the tag.
_GENERATION_SECONDS: Final = 7 * 24 * 3600
_MARK_SECONDS: Final = 3600

_NAMES: Final = """
local changes, generations = {}, {}
for i, tag in ipairs(KEYS) do
  changes[i] = 'a360:changes:' .. tag
  generations[i] = 'a360:generation:' .. tag
end
"""

_NOW: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

HIT: Final = 1
MISS: Final = 2
DIRTY: Final = 3

LOOK_UP: Final = Script(
    f"""
local prefix, life, digest, fresh, claim_ms = unpack(ARGV)
{_NAMES}
local token = life
if #KEYS > 0 then
  if redis.call('EXISTS', unpack(changes)) > 0 then
    {_NOW}
    local is_dirty = false
    for i, name in ipairs(changes) do
      if redis.call('ZREMRANGEBYSCORE', name, '-inf', now) > 0 then
        redis.call('DEL', generations[i])
      end
      is_dirty = is_dirty or redis.call('EXISTS', name) == 1
    end
    if is_dirty then return {{{DIRTY}}} end
  end
  for i, generation in ipairs(redis.call('MGET', unpack(generations))) do
    if not generation then
      generation = fresh
      redis.call('SET', generations[i], generation, 'EX', {_GENERATION_SECONDS})
    end
    token = token .. '.' .. generation
  end
end
local name = prefix .. ':' .. token .. ':' .. digest
local value = redis.call('GET', name)
if value then return {{{HIT}, value, redis.call('PTTL', name)}} end
local claim = 'a360:filling:' .. name
local is_claimed = claim_ms == '' or redis.call('SET', claim, 1, 'NX', 'PX', claim_ms)
return {{{MISS}, token, is_claimed and 0 or 1}}
"""
)
"""What there is under a key: HIT, value, milliseconds left; MISS, token, 1 if awaited; DIRTY.

Arguments: prefix of the name, life of the server, digest, a text for generations that are missing,
milliseconds for which whoever misses claims to fill; nothing for no claim.
"""

FILL: Final = Script(
    f"""
local prefix, life, digest, token, value, ttl_ms = unpack(ARGV)
{_NAMES}
local current = life
if #KEYS > 0 then
  if redis.call('EXISTS', unpack(changes)) > 0 then return 0 end
  for _, generation in ipairs(redis.call('MGET', unpack(generations))) do
    current = current .. '.' .. (generation or '')
  end
  if current ~= token then return 0 end
end
local name = prefix .. ':' .. current .. ':' .. digest
redis.call('SET', name, value, 'PX', ttl_ms)
redis.call('DEL', 'a360:filling:' .. name)
return 1
"""
)
"""Keep a value, under the same name; 1 if it was kept.

Arguments: prefix, life, digest, token, value, milliseconds to live.
"""

BEGIN: Final = Script(
    f"""
local change, lasts_ms = unpack(ARGV)
{_NAMES}
{_NOW}
for _, name in ipairs(changes) do
  redis.call('ZADD', name, now + lasts_ms, change)
  redis.call('EXPIRE', name, {_MARK_SECONDS})
end
redis.call('DEL', unpack(generations))
"""
)
"""Make tags dirty. Arguments: the change, milliseconds for which its marks last."""

END: Final = Script(
    f"""
{_NAMES}
for _, name in ipairs(changes) do redis.call('ZREM', name, ARGV[1]) end
redis.call('DEL', unpack(generations))
"""
)
"""Take the marks of a change away. Argument: the change."""

# Seconds of the server's clock since a day in 2023: the smaller a number, the finer it is.
_SECONDS: Final = """
local time = redis.call('TIME')
local now = time[1] - 1700000000 + time[2] / 1000000
"""

_KEEP_UNTIL: Final = """
local function keep_until(moment)
  local milliseconds = math.ceil((moment - now) * 1000)
  if milliseconds > 0 then
    local written = string.format('%.17g', moment)
    redis.call('SET', KEYS[1], written, 'PX', string.format('%d', milliseconds))
  else
    redis.call('DEL', KEYS[1])
  end
end
"""

TAKE: Final = Script(
    f"""
{_SECONDS}
{_KEEP_UNTIL}
local begins = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now))
local ends = begins + ARGV[1]
local latest = now + ARGV[2]
local over = ends - latest
if over > 0.000001 then
  return {{string.format('%.17g', over), string.format('%.17g', latest - begins)}}
end
keep_until(ends)
return {{'0', string.format('%.17g', latest - ends)}}
"""
)
"""Move the moment at which a bucket is empty. Gives by how much it would be too late, or 0, and
what is left; all in seconds of the bucket.

Key: the bucket. Arguments: what is taken, what fits.
"""

GIVE_BACK: Final = Script(
    f"""
{_SECONDS}
{_KEEP_UNTIL}
local moment = math.max(now, tonumber(redis.call('GET', KEYS[1]) or now)) - ARGV[1]
keep_until(moment)
return {{string.format('%.17g', math.max(0, moment - now))}}
"""
)
"""Move it back; gives what is still taken. Key: the bucket. Argument: what is given back; both in
seconds of the bucket.
"""
