import { execFile } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { filterFlags } from '../../lib/config/seccomp.js'
import { compileFilter } from '../../lib/seccomp/filter.js'
import { missing } from '../needs.js'
import { arg, profile, rules } from './kernel/profile.js'

/** A filter that depends on a number. */
function compile(value: bigint): Uint8Array {
  const args = [arg(0, 'SCMP_CMP_EQ', value)]
  const syscalls = rules({ names: ['getpid'], action: 'SCMP_ACT_ERRNO', args })
  return compileFilter({ seccomp: profile({ syscalls }), cacheDirectory: null }).program
}

t.test('flags are bits for seccomp(2), without TSYNC, and those of a listener only if there is one', async t => {
  const both = ['SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'] as const
  const listener = { path: '/run/agent.sock', metadata: null }
  t.equal(filterFlags({ flags: [], listener: null }), 0)
  t.equal(filterFlags({ flags: both, listener: null }), 0)
  t.equal(filterFlags({ flags: both, listener }), 0x28)
  t.equal(filterFlags({ flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'], listener: null }), 6)
})

t.test('a filter is compiled once per profile', { skip: missing('libseccomp') }, async t => {
  const first = compile(1n)
  t.equal(compile(1n), first)
  t.not(compile(2n), first)
})

t.test('the cache on disk', { skip: missing('libseccomp') }, async t => {
  const cache = `${t.testdir()}/cache`
  const script = fileURLToPath(new URL('./kernel/compile.ts', import.meta.url))
  /** In a process of its own, which has nothing in memory. */
  const compileElsewhere = async (directory: string) => {
    const env = { ...process.env, DEBUG: 'tsrun:seccomp' }
    const command = [...process.execArgv, script, directory]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, command, { env })
    return { ...(JSON.parse(stdout) as { instructions: number; loaded: readonly string[] }), stderr }
  }
  const cold = await compileElsewhere(cache)
  const everything = ['libseccomp', 'ffi_bindings', 'libtsrun']

  t.test('a process that finds the filter loads neither libseccomp nor FFI', async t => {
    t.same(cold.loaded, everything)
    t.ok(cold.instructions > 300)
    const warm = await compileElsewhere(cache)
    t.same(warm.loaded, [])
    t.equal(warm.instructions, cold.instructions)
  })

  t.test('a damaged file is told about, compiled again and replaced', async t => {
    const [name = ''] = readdirSync(cache)
    writeFileSync(`${cache}/${name}`, 'rubbish\n')
    const again = await compileElsewhere(cache)
    t.same(again.loaded, everything)
    t.equal(again.instructions, cold.instructions)
    t.match(again.stderr, /no header/)
    t.same((await compileElsewhere(cache)).loaded, [])
  })

  t.test('if it cannot be written, the filter is compiled all the same, and that is told', async t => {
    const { instructions, stderr } = await compileElsewhere('/proc/no/such/place')
    t.equal(instructions, cold.instructions)
    t.match(stderr, /not cached: .*ENOENT/)
  })
})
