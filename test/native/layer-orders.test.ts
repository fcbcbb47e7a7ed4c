import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ORDERS, type Order, writeOrder } from '../../lib/layer/orders.js'
import { effort } from '../effort.js'
import { clang, missing } from '../needs.js'
import { temporaryFolder } from './launch.js'

const READER = ['native/layer/order.c']
const SANITIZERS = ['-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all']

const encoded = (order: Order): Buffer => {
  const bytes = Buffer.alloc(80_000)
  return bytes.subarray(0, writeOrder(bytes, 0, order))
}

const samples: readonly Order[] = [
  { order: 'directory', first: '', mode: 0o755, uid: 1, gid: 2, number: -5, nanoseconds: 7 },
  { order: 'finish' },
  { order: 'directory', first: 'a/b', mode: 0o700 },
  { order: 'finish' },
  { order: 'file', first: 'a/file', mode: 0o4755, number: 2 ** 40 },
  { order: 'hole', number: 2 ** 33 },
  { order: 'attribute', first: 'user.name', second: '\xff\0value' },
  { order: 'finish' },
  { order: 'link', first: 'a/link', second: 'a/file' },
  { order: 'symlink', first: 'a/symlink', second: '../../etc' },
  { order: 'node', first: 'a/fifo', mode: 0o010644 },
  { order: 'whiteout', first: 'gone' },
  { order: 'opaque', first: 'a' },
  { order: 'settle', first: 'a', mode: 0o755 },
]

t.test('the codes of orders are those of the program', async t => {
  const header = readFileSync('native/layer/order.h', 'utf8')
  const names = [...header.matchAll(/^ {2}ORDER_([A-Z]+)( = 1)?,/gm)].map(([, name = '']) => name.toLowerCase())
  t.same(Object.fromEntries(names.map((name, index) => [name, index + 1])), { ...ORDERS })
})

t.test('mutated orders are read without a fault, and no path leads out', { skip: missing('cc') }, async t => {
  const program = join(temporaryFolder(t), 'orders')
  execFileSync(process.env.CC ?? 'cc', [
    ...SANITIZERS,
    '-Wall',
    '-Wextra',
    '-Werror',
    '-o',
    program,
    ...READER,
    'test/native/order_harness.c',
  ])
  const times = 200_000 * effort.times
  const input = Buffer.concat(samples.map(encoded))
  const said = execFileSync(program, [String(times), String(effort.seed)], { input, encoding: 'utf8' })
  const [, taken] = /^taken (\d+) of/.exec(said) ?? []
  t.ok(Number(taken) > times / 100, said)
  t.ok(Number(taken) < times / 2, said)
})

t.test('libFuzzer finds no fault in a few seconds', { skip: missing('libfuzzer') }, async t => {
  const folder = temporaryFolder(t)
  const [program, corpus] = [join(folder, 'fuzz'), join(folder, 'corpus')]
  const flags = ['-g', '-O1', '-DLIBFUZZER', '-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all']
  execFileSync(clang() ?? '', [...flags, '-o', program, ...READER, 'test/native/order_harness.c'])
  mkdirSync(corpus)
  for (const [index, order] of samples.entries()) writeFileSync(join(corpus, String(index)), encoded(order))
  const runs = 100_000 * effort.times
  const args = [`-runs=${runs}`, '-max_len=9000', `-seed=${effort.seed}`, corpus]
  const { status, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' })
  t.equal(status, 0, stderr.slice(-2000))
})

/** The whole program under ASan and UBSan, on a C library: what it takes from itself (memory, calls) they would miss. */
function buildWhole(t: Test): string {
  const program = join(temporaryFolder(t), 'layer')
  const own = readdirSync('native/layer')
    .filter(name => name.endsWith('.c'))
    .map(name => `native/layer/${name}`)
  const shared = ['sys', 'sys_copy'].map(name => `native/init/${name}.c`)
  const flags = [...SANITIZERS, '-std=gnu11', '-fno-builtin', '-DTSRUN_HOSTED', '-o', program]
  execFileSync(process.env.CC ?? 'cc', [...flags, ...own, ...shared])
  return program
}

const ALL: readonly Order[] = [...samples, { order: 'end' }]
const KEEP_OWNERS = '6'

t.test(
  'the whole program does what it is told, or ends, under ASan and UBSan',
  { skip: missing('root', 'cc') },
  async t => {
    const program = buildWhole(t)
    const folder = temporaryFolder(t)
    const outside = join(folder, 'outside')
    mkdirSync(outside)
    let state = effort.seed >>> 0
    const random = (below: number): number => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    const run = (input: Buffer, index: number) => {
      const target = join(folder, `target-${index}`)
      mkdirSync(target)
      // Descriptor 1 is the directory, and 2 what it answers on.
      return spawnSync('sh', ['-c', 'exec "$0" 1 "$2" 1< "$1" 2> "$1.answers"', program, target, KEEP_OWNERS], {
        input,
        env: { ASAN_OPTIONS: 'log_path=/dev/stdout:exitcode=99' },
      })
    }
    t.equal(run(Buffer.concat(ALL.map(encoded)), -1).status, 0)
    t.same(readdirSync(join(folder, 'target--1')).sort(), ['a', 'gone'])
    for (let index = 0; index < 100 * effort.times; index++) {
      const orders = ALL.map(order => (random(5) === 0 ? (samples[random(samples.length)] as Order) : order))
      const bytes = Buffer.concat(orders.map(encoded))
      for (let n = random(4); n > 0; n--) bytes[random(bytes.length)] = random(256)
      const { status, signal } = run(bytes, index)
      if (status !== 0 && status !== 1) throw new Error(`round ${index}: status ${status}, signal ${signal}`)
    }
    t.same(readdirSync(outside), [])
  },
)
