/** What the executable takes of Node is in lib/quickjs: names that are missing there are found without building it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { runInNewContext } from 'node:vm'
import t from 'tap'

interface Scripts {
  readonly bundleFor: (input: {
    readonly root: string
    readonly entry: string
    readonly version: string
    readonly commit: string
  }) => Promise<{ readonly text: string; readonly inputs: readonly string[]; readonly warnings: readonly string[] }>
}
const { bundleFor } = (await import(resolve('scripts/standalone/bundle.mjs'))) as Scripts
const bundle = (entry: string) => bundleFor({ root: resolve('.'), entry, version: '0.0.0', commit: '' })

t.test('each name that code of the executable imports of Node is there', async t => {
  const { inputs, warnings } = await bundle(resolve('lib/quickjs/standalone.ts'))
  t.same(warnings, [])
  t.ok(inputs.includes('lib/quickjs/node-fs.ts'))
  t.notOk(inputs.includes('lib/sys/ffi.ts'), 'which has its own')
})

t.test('a name that is missing is an error, a missing member a warning, each with its name', async t => {
  const folder = t.testdir()
  const entry = (text: string): string => {
    const path = join(folder, 'entry.ts')
    writeFileSync(path, text)
    return path
  }
  t.notMatch(readFileSync('lib/quickjs/node-fs.ts', 'utf8'), /opendirSync|watchFile/)
  await t.rejects(bundle(entry("import { opendirSync } from 'node:fs'\nopendirSync('/')")), /opendirSync/)
  const { warnings } = await bundle(entry("import * as fs from 'node:fs'\nfs.watchFile('/', () => {})"))
  t.match(warnings, [/watchFile/])
  await t.rejects(bundle(entry("import { cpus } from 'node:cluster'\ncpus()")), /lib\/quickjs has no node:cluster/)
})

t.test('what it has not at all is named by the call that wants it', async t => {
  const entry = join(t.testdir(), 'entry.ts')
  writeFileSync(entry, "import { gzipSync } from 'node:zlib'\nexport const nextCall = () => gzipSync('')\n")
  const { text } = await bundle(entry)
  t.throws(runInNewContext(text), { message: 'node:zlib is not in the standalone executable of tsrun' })
})
