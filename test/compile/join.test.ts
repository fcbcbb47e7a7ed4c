import t from 'tap'
import { compileHook } from '../../lib/compile/index.js'
import { candidatesOf } from '../../lib/compile/program.js'
import { argsOf, compileCase, namesOf, readCase } from './cases.js'

t.test('a name is looked for in the PATH of the process', async t => {
  t.same(candidatesOf('sh', ['A=1', 'PATH=/usr/bin:/bin/']), ['/usr/bin/sh', '/bin/sh'])
  t.same(candidatesOf('sh', ['PATH=:/bin:']), ['./sh', '/bin/sh', './sh'])
  t.same(candidatesOf('sh', ['PATH=/']), ['/sh'])
})

t.test('a name with a slash is a path', async t => {
  t.same(candidatesOf('/bin/sh', ['PATH=/x']), ['/bin/sh'])
  t.same(candidatesOf('./run', []), ['./run'])
})

t.test('without a PATH, or without a name, there is nothing to look for', async t => {
  t.same(candidatesOf('sh', []), [])
  t.same(candidatesOf('sh', ['PATH=']), [])
  t.same(candidatesOf('', ['PATH=/bin']), [])
})

t.test('descriptors of socket activation come before the preserved ones, and the process is told', async t => {
  const { plan } = compileCase('minimal', { options: { preserveFds: 2, listenFds: 3 } })
  t.equal(plan.preserveFds, 5)
  t.same(argsOf(plan, 'close_from'), [{ first: 8 }])
  t.same(argsOf(plan, 'execve')[0]?.env.slice(-2), ['LISTEN_FDS=3', 'LISTEN_PID=1'])
})

t.test('without a process the plan ends where start would go on', async t => {
  const names = namesOf(compileCase('no-process').plan)
  t.same(names.slice(-2), ['created', 'await_start'])
  t.notOk(names.includes('resolve_exec'))
})

t.test('a hook joins every namespace of the container, the new ones and the joined ones', async t => {
  const input = readCase('joined-namespaces')
  const hook = { path: '/hook', args: ['/hook'], env: [], timeoutSeconds: null, origin: '/hooks/createContainer/0' }
  const plan = compileHook({ ...input, kind: 'createContainer', hook })
  const mask = input.config.linux.namespaces.reduce((flags, { flag }) => flags | flag, 0)
  t.match(argsOf(plan, 'setns'), [{ type: mask }])
  t.ok(namesOf(plan).includes('clone'))
  t.equal(plan.cloneFlags, 0)
})

t.test('a hook in a user namespace becomes its root', async t => {
  const input = readCase('user-namespace')
  const hook = { path: '/hook', args: ['h'], env: ['A=1'], timeoutSeconds: null, origin: '/hooks/startContainer/0' }
  const names = namesOf(compileHook({ ...input, kind: 'startContainer', hook }))
  t.ok(names.indexOf('become_root') > names.indexOf('setns'))
})

t.test('a hook of the caller has its own arguments and environment, and nothing of the process', async t => {
  const input = readCase('docker-v1')
  const hook = { path: '/hook', args: ['h', '-x'], env: ['A=1'], timeoutSeconds: 3, origin: '/hooks/createContainer/4' }
  const plan = compileHook({ ...input, kind: 'createContainer', hook })
  t.same(argsOf(plan, 'execve'), [{ args: ['h', '-x'], env: ['A=1'] }])
  t.same(argsOf(plan, 'resolve_exec'), [{ candidates: ['/hook'] }])
  const names = namesOf(plan)
  for (const name of ['seccomp', 'home_env', 'keyring', 'lsm_label', 'stdio_owner', 'created'] as const) {
    t.notOk(names.includes(name), name)
  }
  t.same(argsOf(plan, 'uid'), [{ uid: 0 }])
  t.ok(plan.ops.filter(({ origin }) => origin.startsWith('/process')).length === 0)
})

t.test('a hook of the image has what the process may have, and its own arguments and environment', async t => {
  const input = readCase('docker-v1')
  const hook = { path: '/hook', args: ['h', '-x'], env: ['A=1'], timeoutSeconds: 3, origin: '/hooks/startContainer/4' }
  const plan = compileHook({ ...input, kind: 'startContainer', hook })
  t.same(argsOf(plan, 'execve'), [{ args: ['h', '-x'], env: ['A=1'] }])
  const { plan: own } = compileCase('docker-v1')
  for (const name of ['uid', 'gid', 'groups', 'capabilities', 'bounding_set', 'no_new_privs'] as const) {
    t.same(argsOf(plan, name), argsOf(own, name), name)
  }
  t.ok(namesOf(plan).includes('seccomp'))
  for (const name of ['home_env', 'keyring', 'created'] as const) t.notOk(namesOf(plan).includes(name), name)
})

t.test('a container without namespaces of its own is joined without setns', async t => {
  const input = readCase('minimal')
  const config = { ...input.config, linux: { ...input.config.linux, namespaces: [] } }
  const hook = { path: '/hook', args: ['h'], env: [], timeoutSeconds: null, origin: '/hooks/startContainer/0' }
  const plan = compileHook({ ...input, config, kind: 'startContainer', hook })
  t.same(
    plan.slots.map(({ kind }) => kind),
    ['init_root'],
  )
})
