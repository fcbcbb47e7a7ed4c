import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { encodePlan } from '../../lib/plan/encode.js'
import { CLONE } from '../../lib/plan/flags.js'
import { OP_CODES, OP_NAMES, OPS, type Op, type OpName } from '../../lib/plan/ops.js'
import type { Plan } from '../../lib/plan/plan.js'
import { MOST_SLOTS, SLOT_KIND_NAMES } from '../../lib/plan/rules.js'
import { CASE_NAMES, compileCase } from '../compile/cases.js'
import { effort } from '../effort.js'
import { clang, missing } from '../needs.js'
import { buildHarness, framed, READER, type Verdict } from './harness.js'
import { temporaryFolder } from './launch.js'
import { type Item, items, planOf, slotItems } from './plan-bytes.js'
import {
  createPlan,
  joinPlan,
  layeredPlan,
  movePlan,
  op,
  rootlessPlan,
  SAMPLES,
  type SamplePlan,
  waitingPlan,
} from './plans.js'

/** As the runtime sends it. */
const encoded = (plan: Plan): Buffer => Buffer.from(encodePlan(plan))

/** The plan with the arguments of one op changed. */
function withArgument(plan: SamplePlan, name: OpName, argument: string, value: Item): Buffer {
  const position = Object.keys(OPS[name].args).indexOf(argument) + 1
  const ops = items(plan)
  const found = ops.find(([code]) => code === OP_CODES[name])
  if (found === undefined || position === 0) throw new Error(`no ${argument} of ${name} to change`)
  found[position] = value
  return planOf(plan, ops)
}

const without = (plan: SamplePlan, name: OpName): Buffer =>
  planOf(
    plan,
    items(plan).filter(([code]) => code !== OP_CODES[name]),
  )

t.test('the plan reader', { skip: missing('cc') }, async t => {
  const { verdicts, program } = buildHarness(t)
  const verdict = (plan: Buffer): Verdict => verdicts([plan])[0] ?? ''

  t.test('accepts good plans, as the runtime encodes them', async t => {
    for (const [name, sample] of Object.entries(SAMPLES)) t.equal(verdict(encoded(sample)), 'ok', name)
    const present = new Set(Object.values(SAMPLES).flatMap(({ ops }) => ops.map(({ op }) => op)))
    t.same(
      OP_NAMES.filter(name => !present.has(name)),
      [],
      'every op is in one of them',
    )
  })

  t.test('accepts whatever the compiler makes', async t => {
    for (const name of CASE_NAMES) {
      t.equal(verdict(encoded(compileCase(name).plan)), 'ok', name)
    }
  })

  t.test('accepts numbers that are written with more bytes than needed', async t => {
    const wide = { bytes: [0x1b, 0, 0, 0, 0, 0, 0, 0, 3] }
    t.equal(verdict(withArgument(joinPlan, 'close_from', 'first', wide)), 'ok')
  })

  t.test('refuses a plan that is cut at any byte', async t => {
    for (const [name, sample] of Object.entries(SAMPLES)) {
      const plan = encoded(sample)
      const cut = verdicts(Array.from(plan.keys(), length => plan.subarray(0, length)))
      t.equal(cut.length, plan.length)
      t.same(
        cut.filter(found => found === 'ok'),
        [],
        name,
      )
    }
  })

  t.test('refuses another shape of the plan, or bytes after it', async t => {
    const ops = items(movePlan)
    t.match(verdict(planOf(movePlan, ops, { version: 1 })), /^0 the plan is of another version/)
    t.match(verdict(planOf(movePlan, ops, { cloneFlags: 1 })), /^0 the plan has clone flags/)
    t.match(verdict(planOf(movePlan, ops, { cloneFlags: CLONE.NEWTIME })), /^0 the plan has clone flags/)
    t.match(verdict(planOf(movePlan, ops, { preserveFds: 65536 })), /^0 the plan preserves too many/)
    t.match(
      verdict(planOf(movePlan, ops, { slots: Array(MOST_SLOTS + 1).fill([0, 0]) })),
      /^0 the plan has too many slots/,
    )
    t.match(
      verdict(planOf(movePlan, ops, { slots: [[SLOT_KIND_NAMES.length, 0]] })),
      /^0 the plan has a slot of an unknown/,
    )
    t.match(verdict(planOf(movePlan, ops, { slots: [[0]] })), /^0 the plan has a slot that is no kind and type/)
    t.match(verdict(planOf(movePlan, [])), /^0 the plan has no list of ops/)
    t.match(verdict(Buffer.concat([planOf(movePlan), Buffer.of(0)])), /bytes after its end/)
    t.match(verdict(Buffer.from('820200', 'hex')), /of another version/)
    t.match(verdict(planOf(movePlan, [...ops.slice(0, -1), []])), /is no array with an op code/)
    t.match(verdict(planOf(movePlan, [...ops, ops[0] ?? []])), /comes after execve/)
    t.match(verdict(planOf(movePlan, [[OP_NAMES.length], ...ops])), /^0 has an unknown code/)
    t.match(verdict(planOf(movePlan, [[1n << 40n], ...ops])), /^0 has an unknown code/)
  })

  t.test('refuses what is not of the CBOR profile, wherever it stands', async t => {
    const strange = {
      'a negative number': [0x20],
      'a byte string': [0x41, 0x78],
      'a map': [0xa0],
      'a tag': [0xc2, 0x41, 0x01],
      'a half float': [0xf9, 0x3c, 0x00],
      'a double': [0xfb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0],
      true: [0xf5],
      null: [0xf6],
      'an indefinite text': [0x7f, 0x61, 0x78, 0xff],
      'an indefinite array': [0x9f, 0xff],
      'a reserved length': [0x1c],
      'a text longer than the plan': [0x7b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      'an array longer than the plan': [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    }
    for (const [title, bytes] of Object.entries(strange)) {
      for (const [name, sample] of Object.entries(SAMPLES)) {
        const plans = everyPlace(items(sample), { bytes }).map(ops => planOf(sample, ops))
        t.same(
          verdicts(plans).filter(found => found === 'ok'),
          [],
          `${title} in ${plans.length} places of ${name}`,
        )
      }
    }
  })

  t.test('refuses arguments of another kind, too many or too few of them', async t => {
    t.match(verdict(withArgument(joinPlan, 'gid', 'gid', 'x')), /where a number must be/)
    t.match(verdict(withArgument(joinPlan, 'gid', 'gid', 1n << 32n)), /more than 32 bits/)
    t.match(verdict(withArgument(createPlan, 'memory_policy', 'nodes', [1n << 32n])), /more than 32 bits/)
    t.match(verdict(withArgument(joinPlan, 'chdir', 'path', 1)), /where a text without NUL must be/)
    t.match(verdict(withArgument(joinPlan, 'execve', 'args', 'sh')), /where a list must be/)
    t.match(verdict(withArgument(joinPlan, 'execve', 'args', ['sh', 1])), /where a text without NUL must be/)
    t.match(verdict(withArgument(joinPlan, 'groups', 'gids', ['x'])), /where a number must be/)
    const longer = items(joinPlan).map((item, index) => (index === 0 ? [...item, 0] : item))
    const shorter = items(joinPlan).map((item, index) => (index === 1 ? item.slice(0, -1) : item))
    t.match(verdict(planOf(joinPlan, longer)), /^0 has too few or too many arguments/)
    t.match(verdict(planOf(joinPlan, shorter)), /^1 has too few or too many arguments/)
  })

  t.test('refuses a NUL within a text', async t => {
    t.match(verdict(withArgument(joinPlan, 'chdir', 'path', '/\0/x')), /a text without NUL/)
    t.match(verdict(withArgument(joinPlan, 'chdir', 'path', '\0')), /a text without NUL/)
    t.match(verdict(withArgument(joinPlan, 'execve', 'env', ['A=1', 'B=\0'])), /a text without NUL/)
  })

  t.test('refuses a slot that is not there, used twice, or not used', async t => {
    t.match(verdict(withArgument(joinPlan, 'setns', 'slot', 2)), /^1 has a slot that is not there/)
    t.match(verdict(withArgument(joinPlan, 'join_root', 'slot', 0)), /^4 has a slot of another kind/)
    t.match(verdict(withArgument(createPlan, 'cgroup_join', 'slot', 1)), /^1 has a slot that an earlier op consumed/)
    const slots = [...slotItems(joinPlan), [0, 0]]
    t.match(verdict(planOf(joinPlan, items(joinPlan), { slots })), /a slot that no op consumes/)
  })

  t.test('refuses an op of an earlier phase', async t => {
    const root = items({ ops: [op('become_root')] })
    const ops = items(movePlan)
    for (const place of [3, 4, 5, ops.length - 1])
      t.equal(verdict(planOf(movePlan, ops.toSpliced(place, 0, ...root))), `${place} belongs to an earlier phase`)
  })

  t.test('refuses an op without its predecessors', async t => {
    const needed: readonly (readonly [SamplePlan, OpName, RegExp])[] = [
      [createPlan, 'root', /needs root or root_checked or root_layered or root_in_memory or root_over before it/],
      [createPlan, 'pivot_root', /needs a switched root before it/],
      [createPlan, 'not_dumpable', /needs not_dumpable before it/],
      [joinPlan, 'join_root', /needs a switched root before it/],
      [joinPlan, 'not_dumpable', /needs not_dumpable before it/],
      [movePlan, 'not_dumpable', /needs not_dumpable before it/],
      [movePlan, 'propagation', /needs propagation before it/],
      [movePlan, 'setsid', /needs setsid before it/],
      [movePlan, 'groups', /needs groups or host_root before it/],
      [
        rootlessPlan,
        'root_checked',
        /needs root or root_checked or root_layered or root_in_memory or root_over before it/,
      ],
      [rootlessPlan, 'become_root', /a user namespace without a root/],
      [rootlessPlan, 'map', /a user namespace without mappings/],
      [movePlan, 'bounding_set', /needs bounding_set before it/],
      [movePlan, 'gid', /needs gid before it/],
      [movePlan, 'uid', /needs uid before it/],
      [movePlan, 'capabilities', /needs capabilities before it/],
      [movePlan, 'resolve_exec', /needs resolve_exec before it/],
      [movePlan, 'close_from', /needs close_from before it/],
      [movePlan, 'execve', /does not end with execve/],
      [createPlan, 'created', /needs created before it/],
      [waitingPlan, 'root_dir', /needs root_dir or root_over before it/],
      [layeredPlan, 'root_layered', /needs root or root_checked or root_layered or root_in_memory before it/],
    ]
    for (const [sample, name, reason] of needed) t.match(verdict(without(sample, name)), reason, name)
  })

  t.test('refuses an op that comes too late, or that would change a namespace of the host', async t => {
    const after = (name: OpName, ...more: Op[]): Buffer => {
      const at = createPlan.ops.findIndex(found => found.op === name) + 1
      return planOf(createPlan, items({ ops: createPlan.ops.toSpliced(at, 0, ...more) }))
    }
    t.match(verdict(after('root_attr', op('mkdir', { path: '/late' }))), /may not come after root_attr/)
    t.match(verdict(after('mask_path', op('sysctl', { key: 'net/a', value: '1' }))), /may not come after mask_path/)
    t.match(verdict(after('map', op('unshare', { flags: CLONE.NEWUSER }))), /makes after map what is mapped there/)
    t.match(verdict(after('setsid', op('clone'))), /replaces the first process of a pid namespace/)
    const hosts = { cloneFlags: CLONE.NEWNS | CLONE.NEWPID | CLONE.NEWIPC | CLONE.NEWNET }
    t.match(verdict(planOf(createPlan, items(createPlan), hosts)), /would change a namespace of the host/)
    t.match(verdict(planOf(createPlan, items(createPlan), { cloneFlags: 0 })), /would change a namespace of the host/)
  })

  t.test('refuses another legal op in the place of the switch of the root', async t => {
    for (const name of ['move_root', 'chroot', 'join_root', 'hostname', 'prepare'] as const) {
      const ops = createPlan.ops.map(found => (found.op === 'pivot_root' ? op(name) : found))
      const isSwitch = name === 'move_root'
      t.equal(verdict(planOf(createPlan, items({ ops }))) === 'ok', isSwitch, name)
    }
  })

  t.test('refuses a second one of what there is one of', async t => {
    const singles = ['map', 'prepare', 'created', 'gid', 'uid', 'bounding_set', 'capabilities', 'no_new_privs']
    for (const name of [...singles, 'resolve_exec', 'close_from'] as OpName[]) {
      const ops = items(createPlan).flatMap(item => (item[0] === OP_CODES[name] ? [item, item] : [item]))
      t.match(verdict(planOf(createPlan, ops)), /comes twice/, name)
    }
  })

  t.test('reads 200,000 mutated plans without a fault', async t => {
    const count = 200_000 * effort.times
    const input = framed(Object.values(SAMPLES).map(encoded))
    const output = execFileSync(program, ['mutate', String(count), String(20251119 + effort.seed)], {
      input,
      encoding: 'utf8',
    })
    const [, accepted, refused] = /^accepted (\d+) refused (\d+)$/.exec(output.trim()) ?? []
    t.equal(Number(accepted) + Number(refused), count)
    t.ok(Number(accepted) > 100, `${accepted} changed nothing that matters`)
    t.ok(Number(refused) > count / 2, `${refused} were refused`)
  })
})

t.test('libFuzzer finds no fault in the plan reader in a few seconds', { skip: missing('libfuzzer') }, async t => {
  const folder = temporaryFolder(t)
  const program = join(folder, 'fuzz')
  const sources = [...READER, 'test/native/plan_harness.c']
  const flags = ['-g', '-O1', '-DLIBFUZZER', '-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all']
  execFileSync(clang() ?? '', [...flags, '-o', program, ...sources])
  const corpus = join(folder, 'corpus')
  mkdirSync(corpus)
  for (const [name, sample] of Object.entries(SAMPLES)) writeFileSync(join(corpus, name), encoded(sample))
  const runs = 50_000 * effort.times
  const { status, stderr } = spawnSync(program, [`-runs=${runs}`, '-max_len=2048', `-seed=${effort.seed}`, corpus], {
    cwd: folder,
    encoding: 'utf8',
  })
  t.equal(status, 0, stderr.slice(-2000))
  t.match(stderr, new RegExp(`Done ${runs} runs`))
})

/** The ops with each item, and each item within those, replaced in turn. */
function everyPlace(ops: readonly Item[], replacement: Item): Item[][] {
  return ops.flatMap((item, index) => {
    const variants = Array.isArray(item) ? [replacement, ...everyPlace(item, replacement)] : [replacement]
    return variants.map(variant => [...ops.slice(0, index), variant, ...ops.slice(index + 1)])
  })
}
