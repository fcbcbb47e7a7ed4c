import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { FLAKY } from '../flaky.js'
import { sources } from './sources.js'

const LONGEST_DAYS = 30
const today = new Date().toISOString().slice(0, 10)
const latest = new Date(Date.now() + LONGEST_DAYS * 24 * 3600 * 1000).toISOString().slice(0, 10)

t.test('what is known to be flaky is there, has a reason, and is repaired in time', async t => {
  for (const { file, title, reason, until } of FLAKY) {
    const path = `test/${file}`
    t.ok(existsSync(path) && readFileSync(path, 'utf8').includes(title), `${path} has the test "${title}"`)
    t.ok(reason.length > 0, `${title}: the reason`)
    t.ok(until >= today && until <= latest, `${title}: to be repaired until ${until}, today is ${today}`)
  }
})

t.test('no test is run again until it passes', async t => {
  const texts = [...sources('scripts', '.mjs'), ...sources('.ci')].filter(({ text }) =>
    /once more, alone|--retry/.test(text),
  )
  t.same(
    texts.map(({ path }) => path),
    [],
  )
})

/** Whatever these end may be somebody else's: a test ends processes by the pids that it started. */
t.test('no test ends processes by their name', async t => {
  const own = 'test/style/flaky.test.ts'
  const found = sources('test', '.ts', '.mjs', '.py', '.c').filter(
    ({ path, text }) => path !== own && /\b(pkill|killall)\b/.test(text),
  )
  t.same(
    found.map(({ path }) => path),
    [],
  )
})

/** A container that is left behind by a test that crashed would keep a processor busy for ever. */
t.test('no shell in a test loops without a bound', async t => {
  const own = 'test/style/flaky.test.ts'
  const loops = /\bwhile (?:true|:)\s*;|\buntil [^;\n]*; *do *sleep/
  const found = sources('test', '.ts', '.mjs').flatMap(({ path, text }) =>
    text.split('\n').flatMap((line, at) => (path !== own && loops.test(line) ? [`${path}:${at + 1}`] : [])),
  )
  t.same(found, [])
})
