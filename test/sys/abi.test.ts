import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { openNative, TABLE } from '../../lib/sys/native.js'
import { nativePart } from '../../lib/sys/native-part.js'
import { missing } from '../needs.js'

interface Scripts {
  declarations(folder: string): string[]
  abiOf(folder: string): number
  abiModule(abi: number): string
}

const sources = resolve('native/sys')
const { declarations, abiOf, abiModule } = (await import(resolve('scripts/abi.mjs'))) as Scripts

t.test('the number of the library is that of its declarations', async t => {
  t.equal(readFileSync('lib/sys/abi.ts', 'utf8'), abiModule(abiOf(sources)), 'else: npm run build')
})

/** The types that TypeScript passes for those of C. */
function typeOf(argument: string): string {
  if (argument.startsWith('const char *')) return 'string|pointer'
  if (argument.includes('*')) return 'pointer'
  return /^(?:size_t|uint32_t|int)/.exec(argument)?.[0].replace('_t', '') ?? argument
}

t.test('the table of functions has what C declares, with the same arguments', async t => {
  // What the others are called through: lib/sys/ffi.ts finds it by itself.
  const called = declarations(sources).filter(text => text !== 'uint64_t ts_call(const uint64_t *words)')
  t.equal(called.length, declarations(sources).length - 1)
  const declared = called.map(text => {
    const [, returns = '', name = '', inner = ''] = /^(\w+) (\w+)\((.*)\)$/.exec(text) ?? []
    const types = inner === 'void' ? [] : inner.split(', ').map(typeOf)
    return { name, returns, types }
  })
  t.same(declared.map(({ name }) => name).sort(), Object.keys(TABLE).sort())
  for (const { name, returns, types } of declared) {
    const [result, args] = TABLE[name as keyof typeof TABLE]
    t.equal(result, returns, name)
    t.equal(args.length, types.length, `${name}: the number of arguments`)
    for (const [index, type] of args.entries()) {
      t.ok(types[index]?.split('|').includes(type.replace('_t', '')), `${name}: argument ${index}, ${type}`)
    }
  }
})

let count = 0

function compiled(t: Test, code: string): string {
  const folder = t.testdir()
  writeFileSync(join(folder, 'library.c'), code)
  // Not the same name twice: the loader would give back the first.
  const output = join(folder, `library-${count++}.so`)
  const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-o', output, join(folder, 'library.c')])
  t.equal(status, 0, String(stderr))
  return output
}

t.test('a library from other sources is refused before any of it is used', { skip: missing('cc') }, async t => {
  const refusal = (found: string) => ({
    code: 'ERR_HOST_INSTALL',
    needs: /native library of this version of tsrun/,
    found: new RegExp(found),
    remedy: /npm rebuild tsrun/,
  })
  const other = compiled(t, 'int ts_abi(void) { return 5; }')
  t.throws(() => openNative(other), refusal('another one \\(5\\)') as never)
  const old = compiled(t, 'int ts_close(int fd) { return fd; }')
  t.throws(() => openNative(old), refusal('without a number') as never)
  t.equal(typeof openNative(nativePart('libtsrun.so')).ts_close, 'function')
})
