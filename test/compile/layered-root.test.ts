import t from 'tap'
import type { LayeredTree } from '../../lib/plan/plan.js'
import { verifyPlan } from '../../lib/plan/verify.js'
import { argsOf, compileCase, documentOf, namesOf } from './cases.js'

const LAYERS = ['/layers/base', '/layers/top']
const inMemory: LayeredTree = { layers: LAYERS, upper: { memory: 4096 } }
const inDirectory: LayeredTree = { layers: LAYERS, upper: { directory: '/upper' } }
const rootless = (layered: LayeredTree, kernel: readonly [number, number] = [6, 18]) =>
  compileCase('rootless', { options: { layered }, facts: { kernel } }).plan
const ROOTS = ['root', 'root_checked', 'layer', 'root_layered', 'root_in_memory']

t.test('with privileges the runtime makes the overlay, and the helper attaches it', async t => {
  const { plan } = compileCase('minimal', { options: { layered: inMemory }, facts: { kernel: [6, 18] } })
  t.same(
    namesOf(plan).filter(name => ROOTS.includes(name)),
    ['root'],
  )
  const [{ slot } = { slot: -1 }] = argsOf(plan, 'root')
  t.match(plan.slots[slot], { kind: 'layered', ...inMemory, idmap: null, userXattr: false, asList: false })
})

t.test('without privileges the helper does all of it', async t => {
  const plan = rootless(inMemory)
  t.same(
    namesOf(plan).filter(name => ROOTS.includes(name)),
    ['layer', 'layer', 'root_in_memory'],
  )
  t.match(argsOf(plan, 'layer'), [{ source: '/layers/base' }, { source: '/layers/top' }], 'the lowest comes first')
  t.match(argsOf(plan, 'root_in_memory'), [{ options: ['mode=0755', 'size=4096'], list: 0 }])
  t.match(argsOf(rootless(inDirectory), 'root_layered'), [{ source: '/upper', list: 0 }])
  for (const layered of [inMemory, inDirectory]) t.doesNotThrow(() => verifyPlan(rootless(layered)))
})

t.test('a kernel before Linux 6.7 gets the layers as one list, which has an end', async t => {
  t.match(argsOf(rootless(inDirectory, [6, 1]), 'root_layered'), [{ list: 1 }])
  const options = { layered: { ...inDirectory, layers: Array.from({ length: 91 }, (_, index) => `/layers/${index}`) } }
  t.throws(() => compileCase('minimal', { options, facts: { kernel: [6, 1] } }), {
    code: 'ERR_CONFIG_UNSUPPORTED',
    issues: [{ path: '/root', message: /at most 90 layers before Linux 6.7/ }],
  })
  t.doesNotThrow(() => compileCase('minimal', { options, facts: { kernel: [6, 7] } }))
})

t.test('a kernel that can not do it without privileges is told, with what to do', async t => {
  t.throws(() => rootless(inMemory, [6, 5]), {
    code: 'ERR_HOST_KERNEL',
    remedy: /^name a directory as its upper, or .*copyTo/,
  })
  t.doesNotThrow(() => rootless(inDirectory, [6, 5]))
  t.throws(() => rootless(inDirectory, [5, 10]), { code: 'ERR_HOST_KERNEL' })
})

t.test('the root of a user namespace keeps its attributes as users do', async t => {
  const { plan } = compileCase('minimal', {
    options: { layered: inMemory },
    facts: { inUserNamespace: true, kernel: [6, 18] },
  })
  t.match(
    plan.slots.find(({ kind }) => kind === 'layered'),
    { userXattr: true },
  )
})

t.test('it takes a mount namespace', async t => {
  const { linux } = documentOf('minimal')
  const namespaces = (linux?.namespaces ?? []).filter(({ type }) => type !== 'mount')
  const document = { ...documentOf('minimal'), linux: { ...linux, namespaces } }
  t.throws(() => compileCase('minimal', { document, options: { layered: inMemory } }), {
    code: 'ERR_CONFIG_INVALID',
    issues: [{ path: '/linux/namespaces' }],
  })
})
