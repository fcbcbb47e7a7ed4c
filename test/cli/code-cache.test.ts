import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Script } from 'node:vm'
import t from 'tap'

const folder = resolve('dist/cli')
const program = readdirSync(folder).find(name => /^program-[0-9a-f]+\.js$/.test(name)) ?? ''
const source = readFileSync(`${folder}/${program}`, 'latin1')

// One that V8 refuses costs time at each start, and nothing else shows it.
t.test('V8 takes the cache', async t => {
  const cachedData = readFileSync(`${folder}/${program}.cache`)
  const script = new Script(source, { filename: `${folder}/${program}`, cachedData })
  t.equal(script.cachedDataRejected, false)
})

t.test('a program of which nothing is cached runs all the same', async t => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  // Flags are part of what V8 compares.
  const text = execFileSync(process.execPath, ['--max-lazy', `${folder}/tsrun.cjs`, '--version'], { encoding: 'utf8' })
  t.match(text, `tsrun version ${version}\n`)
})
