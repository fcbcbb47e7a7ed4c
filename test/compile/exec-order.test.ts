/** An exec'd process is born in the pid namespace when it has its identity, if anything that the container says lets it be so. */
import t from 'tap'
import { compileExec } from '../../lib/compile/index.js'
import type { OciConfig } from '../../lib/config/oci-config.js'
import { readConfig } from '../../lib/config/read.js'
import { verifyPlan } from '../../lib/plan/verify.js'
import { documentOf, namesOf, readCase } from './cases.js'

type Filter = NonNullable<NonNullable<OciConfig['linux']>['seccomp']>

interface Given {
  readonly filter?: Filter
  readonly process?: Partial<NonNullable<OciConfig['process']>>
  readonly namespaces?: readonly string[]
  readonly permitted?: bigint
  readonly waits?: boolean
}

function execNames({ filter, process, namespaces = [], permitted, waits = false }: Given) {
  const document = documentOf('minimal')
  const list = [...(document.linux?.namespaces ?? []), ...namespaces.map(type => ({ type }))]
  const ids = [{ containerID: 0, hostID: 1000, size: 10 }]
  const linux = {
    ...document.linux,
    namespaces: list,
    ...(filter && { seccomp: filter }),
    ...(namespaces.includes('user') && { uidMappings: ids, gidMappings: ids }),
  }
  const merged = { ...document, process: { cwd: '/', args: ['sh'], ...process }, linux }
  const { config } = readConfig(merged as OciConfig)
  const { facts, options } = readCase('minimal')
  if (config.process === null) throw new Error('there is no process')
  const { plan } = compileExec({
    ...{ config, process: config.process, options, keepsTree: true, waits },
    facts: { ...facts, permitted: permitted ?? facts.permitted },
  })
  verifyPlan(plan)
  return namesOf(plan)
}

/** What is done in the pid namespace. */
const inside = (given: Given) => {
  const names = execNames(given)
  return names.slice(names.indexOf('clone') + 1)
}

const isBornLast = (given: Given): boolean => !inside(given).includes('capabilities')

t.test('nothing that takes privileges is done in the pid namespace', async t => {
  t.same(inside({}), ['subreaper', 'chdir', 'resolve_exec', 'home_env', 'close_from', 'execve'])
  t.same(inside({ process: { terminal: true } }).slice(0, 2), ['controlling_terminal', 'subreaper'])
  t.ok(isBornLast({ namespaces: ['user'] }))
  t.ok(isBornLast({ process: { apparmorProfile: 'some' } }))
})

t.test('what is set from outside is set of a process that the runtime may change', async t => {
  const process = { oomScoreAdj: 7 }
  t.same(inside({ process }).slice(0, 2), ['subreaper', 'map'])
  const few = execNames({ process, permitted: 0xffn })
  t.equal(few[0], 'map')
  t.ok(isBornLast({ process, permitted: 0xffn }))
  t.notOk(isBornLast({ process, permitted: 0xffn, waits: true }), 'it is held by its last pid')
})

t.test('a working directory below /proc is looked for in the pid namespace', async t => {
  const names = execNames({ process: { cwd: '/proc/self' } })
  t.equal(names.filter(name => name === 'chdir').length, 1)
  t.ok(names.indexOf('chdir') > names.indexOf('clone'))
})

t.test('a label in a user namespace is written in the pid namespace', async t => {
  t.notOk(isBornLast({ namespaces: ['user'], process: { apparmorProfile: 'some' } }))
})

const CALLS = ['clone', 'socketpair', 'sendto', 'read', 'close', 'prctl', 'exit_group', 'setsid', 'ioctl']
const all = (...more: NonNullable<Filter['syscalls']>): Filter => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: CALLS.slice(1), action: 'SCMP_ACT_ALLOW' }, ...more],
})
const clone = (action: string, ...args: NonNullable<NonNullable<Filter['syscalls']>[number]['args']>) => ({
  ...{ names: ['clone'], action },
  args,
})
const MASKED = { index: 0, value: 0x7e020000, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }

t.test('a filter that takes privileges is applied before, if it lets the helper clone', async t => {
  const cases: readonly (readonly [Filter, boolean])[] = [
    [{ defaultAction: 'SCMP_ACT_ALLOW' }, true],
    [{ defaultAction: 'SCMP_ACT_LOG' }, true],
    [{ defaultAction: 'SCMP_ACT_ERRNO' }, false],
    [all(), false],
    [all(clone('SCMP_ACT_ALLOW')), true],
    [all(clone('SCMP_ACT_ALLOW', MASKED)), true],
    [all(clone('SCMP_ACT_ALLOW', { index: 0, value: 17, op: 'SCMP_CMP_EQ' })), false],
    [all(clone('SCMP_ACT_ALLOW', { index: 1, value: 0, op: 'SCMP_CMP_EQ' })), true],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [clone('SCMP_ACT_KILL')] }, false],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [clone('SCMP_ACT_ERRNO', { ...MASKED, valueTwo: 0x20000 })] }, true],
    [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['read'], action: 'SCMP_ACT_ERRNO' }] }, false],
  ]
  for (const [filter, expected] of cases) t.equal(isBornLast({ filter }), expected, JSON.stringify(filter))
  const process = { noNewPrivileges: true }
  for (const [filter] of cases) t.ok(isBornLast({ filter, process }), 'one that takes none comes last')
  const filter = {
    defaultAction: 'SCMP_ACT_ALLOW',
    listenerPath: '/agent',
    syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }],
  }
  t.notOk(isBornLast({ filter }), 'a listener goes with the process')
})
