/** On a made-up tree: a directory in which a new one gets the files that the kernel would put there. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { IntelRdt } from '../../lib/config/config.js'
import { readConfig } from '../../lib/config/read.js'
import {
  changeClass,
  createClass,
  destroyClass,
  enterClass,
  planClass,
  recordedClass,
  undoClass,
} from '../../lib/resctrl/class.js'
import { findResctrl, openResctrl } from '../../lib/resctrl/filesystem.js'
import type { ContainerRecord } from '../../lib/store/container-record.js'

const FULL = 'L3:0=7ff;1=7ff\n    MB:0= 100;1= 100\n'

/** A tree with the class `gold`, which has half of everything. */
function makeTree(t: Test) {
  const root = t.testdir({ info: { last_cmd_status: 'ok\n' }, schemata: FULL, tasks: '' })
  const fill = (path: string): void => {
    mkdirSync(join(root, path, 'mon_groups'), { recursive: true })
    writeFileSync(join(root, path, 'schemata'), FULL)
    writeFileSync(join(root, path, 'tasks'), '')
  }
  fill('gold')
  writeFileSync(join(root, 'gold/schemata'), '    L3:0=0ff;1=0ff\n    MB:0=  50;1=  50\n')
  const written: string[] = []
  const open = () => ({
    ...openResctrl(root),
    make: fill,
    remove: (path: string) => rmSync(join(root, path), { recursive: true, force: true }),
    write: (path: string, text: string) => {
      written.push(`${path}: ${text}`)
      writeFileSync(join(root, path), text)
    },
  })
  const source = { find: () => root, open }
  const has = (path: string) => existsSync(join(root, path))
  return { root, source, written, has, read: (path: string) => readFileSync(join(root, path), 'utf8') }
}

const rdtOf = (intelRdt: object): IntelRdt => {
  const document = { ociVersion: '1.3.0', root: { path: 'r' }, linux: { intelRdt } }
  const { linux } = readConfig(JSON.stringify(document)).config
  if (linux.intelRdt === null) throw new Error('no intelRdt')
  return linux.intelRdt
}

/** Through the life of a container: planned, made, entered; what it was planned as. */
function live({ source }: ReturnType<typeof makeTree>, rdt: IntelRdt, id = 'box') {
  const record = planClass({ rdt, id, source })
  createClass(record, rdt, source)
  enterClass(record, 4321, source)
  return record
}

t.test(
  'config-linux.md#intelrdt: without closID the class is named after the container, and removed with it',
  async t => {
    const tree = makeTree(t)
    const record = live(tree, rdtOf({ l3CacheSchema: 'L3:0=f;1=f0' }))
    t.strictSame(tree.written, ['box/schemata: L3:0=f;1=f0\n', 'box/tasks: 4321\n'])
    destroyClass(record, tree.source)
    t.notOk(tree.has('box'))
    t.ok(tree.has('gold'))
  },
)

t.test('config-linux.md#intelrdt: without any schemata none is written', async t => {
  const tree = makeTree(t)
  live(tree, rdtOf({ enableMonitoring: false }))
  t.strictSame(tree.written, ['box/tasks: 4321\n'])
})

t.test('config-linux.md#intelrdt: cache and bandwidth are written together, schemata after them', async t => {
  const tree = makeTree(t)
  const schemata = ['L2:0=f', 'MB:1=30']
  live(tree, rdtOf({ closID: 'new', l3CacheSchema: 'L3:0=f\nMB:0=10\nL3CODE:0=1', memBwSchema: 'MB:0=20', schemata }))
  t.strictSame(tree.written, [
    'new/schemata: L3:0=f\nL3CODE:0=1\nMB:0=20\n',
    'new/schemata: L2:0=f\nMB:1=30\n',
    'new/tasks: 4321\n',
  ])
})

t.test(
  'config-linux.md#intelrdt: a line for the bandwidth in the cache schema counts if there is no other',
  async t => {
    t.strictSame(rdtOf({ l3CacheSchema: 'L3:0=f\nMB:0=10' }).first, ['L3:0=f', 'MB:0=10'])
  },
)

t.test('config-linux.md#intelrdt: an existing class is joined, and neither written nor removed', async t => {
  const tree = makeTree(t)
  const before = tree.read('gold/schemata')
  for (const more of [{}, { l3CacheSchema: 'L3:1=ff;0=FF' }, { memBwSchema: 'MB:0=50' }]) {
    const record = live(tree, rdtOf({ closID: 'gold', ...more }))
    destroyClass(record, tree.source)
    t.equal(tree.read('gold/schemata'), before)
  }
  t.strictSame(new Set(tree.written), new Set(['gold/tasks: 4321\n']))
})

t.test('config-linux.md#intelrdt: a class that closID names stays when the container is deleted', async t => {
  const tree = makeTree(t)
  const record = live(tree, rdtOf({ closID: 'silver', schemata: ['L3:0=f'], enableMonitoring: true }))
  destroyClass(record, tree.source)
  t.ok(tree.has('silver'))
  t.notOk(tree.has('silver/mon_groups/box'), 'the group was that of the container alone')
})

t.test('config-linux.md#intelrdt: if create fails the class is gone again, also one that closID names', async t => {
  const tree = makeTree(t)
  undoClass(live(tree, rdtOf({ closID: 'silver', schemata: ['L3:0=f'] })), tree.source)
  t.notOk(tree.has('silver'))
})

t.test('config-linux.md#intelrdt: / is the default class of the kernel', async t => {
  const tree = makeTree(t)
  const record = live(tree, rdtOf({ closID: '/', enableMonitoring: true }))
  t.strictSame(tree.written, ['./tasks: 4321\n', './mon_groups/box/tasks: 4321\n'])
  destroyClass(record, tree.source)
  t.notOk(tree.has('mon_groups/box'))
  t.ok(tree.has('tasks'))
  t.throws(() => planClass({ rdt: rdtOf({ closID: '/', memBwSchema: 'MB:0=7' }), id: 'box', source: tree.source }), {
    message: '/linux/intelRdt/closID: the class "/" exists, and is not as asked for: "MB:0=7"',
  })
})

t.test('config-linux.md#intelrdt: a group that can not be made is an error, and leaves nothing', async t => {
  const tree = makeTree(t)
  const full = () => {
    const open = tree.source.open()
    const make = (path: string) => {
      if (path.includes('mon_groups')) return openResctrl(tree.root).make('no/such/directory')
      open.make(path)
    }
    return { ...open, make }
  }
  const source = { ...tree.source, open: full }
  const rdt = rdtOf({ closID: 'silver', schemata: ['L3:0=f'], enableMonitoring: true })
  t.throws(() => createClass(planClass({ rdt, id: 'box', source }), rdt, source), {
    code: 'ERR_LAUNCH_OP',
    configPath: '/linux/intelRdt',
  })
  t.notOk(tree.has('silver'))
})

t.test('config-linux.md#intelrdt: an existing class with other shares is an error', async t => {
  const { source, written } = makeTree(t)
  for (const more of [{ l3CacheSchema: 'L3:0=f' }, { memBwSchema: 'MB:0=50;1=60' }]) {
    const [wanted] = [...Object.values(more)].flat()
    t.throws(() => planClass({ rdt: rdtOf({ closID: 'gold', ...more }), id: 'box', source }), {
      code: 'ERR_LAUNCH_OP',
      configPath: '/linux/intelRdt/closID',
      message: `/linux/intelRdt/closID: the class "gold" exists, and is not as asked for: "${wanted}"`,
    })
  }
  t.strictSame(written, [])
})

t.test(
  'config-linux.md#intelrdt: schemata are written to an existing class too, and taken back if create fails',
  async t => {
    const tree = makeTree(t)
    const before = tree.read('gold/schemata')
    const record = live(tree, rdtOf({ closID: 'gold', l3CacheSchema: 'L3:0=ff', schemata: ['MB:0=30'] }))
    t.strictSame(tree.written, ['gold/schemata: MB:0=30\n', 'gold/tasks: 4321\n'])
    destroyClass(record, tree.source)
    t.equal(tree.read('gold/schemata'), 'MB:0=30\n', 'delete leaves it to whoever has named it')
    undoClass(record, tree.source)
    t.equal(tree.read('gold/schemata'), before)
  },
)

t.test('config-linux.md#intelrdt: a class that is not there, without schemata, is an error', async t => {
  const { source } = makeTree(t)
  t.throws(() => planClass({ rdt: rdtOf({ closID: 'silver' }), id: 'box', source }), {
    code: 'ERR_LAUNCH_OP',
    configPath: '/linux/intelRdt/closID',
    errno: 'ENOENT',
    message: '/linux/intelRdt/closID: there is no class "silver", and no schemata to make it with',
  })
})

t.test("config-linux.md#intelrdt: somebody else's class with the name of the container is an error", async t => {
  const { source } = makeTree(t)
  t.throws(() => planClass({ rdt: rdtOf({ enableMonitoring: false }), id: 'gold', source }), {
    code: 'ERR_LAUNCH_OP',
    configPath: '/linux/intelRdt',
    errno: 'EEXIST',
  })
})

t.test(
  'config-linux.md#intelrdt: a monitored group is made in the class, also an existing one, and removed',
  async t => {
    const tree = makeTree(t)
    const record = live(tree, rdtOf({ closID: 'gold', enableMonitoring: true }))
    t.strictSame(tree.written, ['gold/tasks: 4321\n', 'gold/mon_groups/box/tasks: 4321\n'])
    destroyClass(record, tree.source)
    t.notOk(tree.has('gold/mon_groups/box'))
    t.ok(tree.has('gold'))
  },
)

t.test('config-linux.md#intelrdt: what the kernel refuses is an error with its words, and leaves nothing', async t => {
  const tree = makeTree(t)
  const { source } = tree
  writeFileSync(join(tree.root, 'info/last_cmd_status'), 'Non-hex character in the mask x\n')
  const refusing = { ...source, open: () => ({ ...source.open(), write: openResctrl(tree.root).write }) }
  const rdt = rdtOf({ l3CacheSchema: 'L3:0=x' })
  const record = planClass({ rdt, id: 'box', source })
  // A directory in its place: the nearest thing to a kernel that refuses to write.
  const making = {
    ...refusing,
    open: () => ({
      ...refusing.open(),
      make: (path: string) => void mkdirSync(join(tree.root, path, 'schemata'), { recursive: true }),
    }),
  }
  t.throws(() => createClass(record, rdt, making), {
    code: 'ERR_LAUNCH_OP',
    configPath: '/linux/intelRdt',
    message: /^\/linux\/intelRdt: .* "box": EISDIR: .* \(Non-hex character in the mask x\)$/,
  })
  t.notOk(tree.has('box'))
})

t.test('removing twice is fine, and so is a file system that is gone', async t => {
  const tree = makeTree(t)
  const record = live(tree, rdtOf({ enableMonitoring: false }))
  destroyClass(record, { ...tree.source, find: () => null })
  t.ok(tree.has('box'))
  const kernel = { ...tree.source, open: openResctrl }
  rmSync(join(tree.root, 'box'), { recursive: true })
  t.doesNotThrow(() => destroyClass(record, kernel))
})

t.test('a state tells of a class or of none, and is not believed when it is damaged', async t => {
  const tree = makeTree(t)
  const record = planClass({ rdt: rdtOf({ closID: 'gold' }), id: 'box', source: tree.source })
  const state = (rdt: unknown) => ({ id: 'box', rdt }) as ContainerRecord
  t.strictSame(recordedClass(state(JSON.parse(JSON.stringify(record)))), record)
  t.equal(recordedClass(state(null)), null)
  t.equal(recordedClass(state(undefined)), null)
  t.throws(() => recordedClass(state({ ...record, root: 7 })), { code: 'ERR_STATE_CORRUPT' })
})

t.test('the mount point is found in the mount table', async t => {
  const line = '40 26 0:35 / /sys/fs/res\\040ctrl rw,relatime shared:16 - resctrl resctrl rw'
  t.equal(findResctrl(`36 35 98:0 / / rw - ext4 /dev/a rw\n${line}\n`), '/sys/fs/res ctrl')
  t.equal(findResctrl('36 35 98:0 / / rw - ext4 /dev/a rw\n'), null)
})

t.test('update gives the class of a container other shares', async t => {
  const tree = makeTree(t)
  const rdt = live(tree, rdtOf({ l3CacheSchema: 'L3:0=f;1=f0' }))
  const record = { id: 'box', rdt } as unknown as ContainerRecord
  tree.written.length = 0
  changeClass(record, ['L3:0=3', 'MB:0=20'], tree.source)
  t.strictSame(tree.written, ['box/schemata: L3:0=3\nMB:0=20\n'])
  t.throws(() => changeClass({ ...record, rdt: null }, ['L3:0=3'], tree.source), {
    code: 'ERR_STATE_STATUS',
    message: /"box" has no class of service/,
  } as never)
  t.throws(() => changeClass(record, ['L3:0=3'], { ...tree.source, find: () => null }), {
    code: 'ERR_HOST_KERNEL',
  } as never)
})
