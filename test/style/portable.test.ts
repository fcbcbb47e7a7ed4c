import { homedir, hostname } from 'node:os'
import t from 'tap'
import { sources } from './sources.js'

const all = sources('.')

/** What would only be right on the machine that it was written on. */
const local = [process.cwd(), `${homedir()}/.`, hostname()].filter(text => text.length > 6 && text !== 'localhost')

t.test('no file names a place of the machine that it was written on', async t => {
  t.ok(all.some(({ path }) => path === 'package.json'))
  const wrong = all.flatMap(({ path, text }) =>
    local.filter(place => text.includes(place)).map(place => `${path}: ${place}`),
  )
  t.same(wrong, [])
})

t.test('the lock file names no registry but the public one', async t => {
  const lock = all.find(({ path }) => path === 'package-lock.json')
  const places = [...(lock?.text ?? '').matchAll(/"resolved": "([^"]*)"/g)].map(([, url]) => url ?? '')
  t.ok(lock)
  t.same(
    places.filter(url => !url.startsWith('https://registry.npmjs.org/')),
    [],
  )
})

t.test('text files end with one line feed and have no spaces at the ends of lines', async t => {
  const texts = all.filter(
    ({ path }) => /\.(ts|mjs|c|h|json|md|txt|yml)$/.test(path) && !path.startsWith('spec-fixtures/'),
  )
  t.same(
    texts.filter(({ text }) => text !== '' && !/[^\n]\n$/.test(text)).map(({ path }) => path),
    [],
  )
  t.same(
    texts.filter(({ text }) => /[ \t]\n/.test(text)).map(({ path }) => path),
    [],
  )
})

t.test('nothing is left to be done later', async t => {
  const marks = new RegExp(`(//|[*#]) *(${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`)
  const code = all.filter(({ path }) => /^(lib|native|scripts|test|benchmarks)\//.test(path))
  t.same(
    code.filter(({ text }) => marks.test(text)).map(({ path }) => path),
    [],
  )
})
