import t from 'tap'
import type { OciConfig } from '../../lib/config/oci-config.js'
import { verifyPlan } from '../../lib/plan/verify.js'
import { argsOf, compileCase, documentOf, namesOf } from './cases.js'

t.test('without privileges nothing of the host is copied by the runtime', async t => {
  const { plan } = compileCase('rootless')
  t.notOk(plan.slots.some(({ kind }) => kind === 'tree' || kind === 'device'))
  t.same(
    namesOf(plan).filter(name => name === 'root' || name === 'attach' || name === 'mknod'),
    [],
  )
})

t.test('neither the checked root nor a checked source can be left out of a plan', async t => {
  const { plan } = compileCase('rootless')
  for (const name of ['root_checked', 'attach_checked'] as const) {
    const ops = plan.ops.filter(({ op }) => op !== name)
    t.throws(() => verifyPlan({ ...plan, ops }), { code: 'ERR_PLAN_REFUSED' }, name)
  }
})

t.test('who is mapped alone makes what has to be made', async t => {
  const document = { ...documentOf('rootless-other-id'), root: { path: 'rootfs', readonly: false } }
  const { plan } = compileCase('rootless-other-id', { document })
  t.same(argsOf(plan, 'become_root'), [{ uid: 7, gid: 8 }])
  t.match(argsOf(plan, 'mkdir'), [{ path: '/work', uid: 7, gid: 8 }])
})

t.test('additional groups are refused only if the kernel denies setgroups', async t => {
  const document = documentOf('rootless')
  const process = { cwd: '/', args: ['sh'], user: { uid: 0, gid: 0, additionalGids: [0] } }
  const withGroups: OciConfig = { ...document, process }
  t.throws(() => compileCase('rootless', { document: withGroups }), {
    code: 'ERR_CONFIG_INVALID',
    issues: [{ path: '/process/user/additionalGids' }],
  })
  const gidMappings = [
    { containerID: 0, hostID: 1000, size: 1 },
    { containerID: 1, hostID: 100_000, size: 10 },
  ]
  const mapped = { ...withGroups, linux: { ...document.linux, gidMappings } }
  t.same(argsOf(compileCase('rootless', { document: mapped }).plan, 'groups'), [{ gids: [0] }])
})

t.test('without a user namespace the error is a lack of privilege, with what to do', async t => {
  const { uidMappings: _u, gidMappings: _g, ...linux } = documentOf('rootless').linux ?? {}
  const namespaces = (linux.namespaces ?? []).filter(({ type }) => type !== 'user')
  const document = { ...documentOf('rootless'), linux: { ...linux, namespaces } }
  t.throws(() => compileCase('rootless', { document }), {
    code: 'ERR_HOST_PRIVILEGE',
    needs: 'a user namespace (/linux/namespaces)',
    remedy: /rootless container requires user namespaces/,
  })
})
