/** Containers of a user without any privilege, who has logged in, and to whom the host grants ids and cgroups. */
import assert from 'node:assert/strict'
import { fileURLToPath } from 'node:url'
import { asUser, userId as uid } from './box.mjs'
import { test } from './tap.mjs'

const script = fileURLToPath(new URL('user-boxes.mjs', import.meta.url))

/** What came of these scenarios, in what the manager of the user delegates, or where it delegates nothing. */
function resultsOf(names, { isDelegated }) {
  const scope = isDelegated ? ['systemd-run', '--user', '--scope', '--quiet', '--property=Delegate=yes'] : []
  const { status, text } = asUser(...scope, process.execPath, script, ...names)
  assert.equal(status, 0, text)
  return JSON.parse(text.slice(text.indexOf('{')))
}

const squeeze = text =>
  text
    ?.trim()
    .split('\n')
    .map(line => line.trim().replace(/ +/g, ' '))

const outside = resultsOf(['alone', 'many', 'notGranted', 'limits', 'noLimits', 'bind', 'ofRoot', 'joined', 'state'], {
  isDelegated: false,
})
const inside = resultsOf(['limits', 'noLimits', 'below', 'owner', 'otherOwner', 'inScope'], { isDelegated: true })

test('a user maps itself alone, without a grant of ids', () => {
  assert.deepEqual(squeeze(outside.alone.stdout), ['0', '0', `0 ${uid} 1`, 'deny'], JSON.stringify(outside.alone))
})

test('more ids are mapped by newuidmap and newgidmap', () => {
  const { stdout } = outside.many
  assert.deepEqual(squeeze(stdout), ['7', '7 5', `0 ${uid} 1`, '1 100000 65536'], JSON.stringify(outside.many))
})

test('ids that are not granted are an error with what to do', () => {
  const { code, needs, remedy } = outside.notGranted.error
  assert.equal(code, 'ERR_HOST_PRIVILEGE')
  assert.match(needs, /\/linux\/uidMappings, which newuidmap did not map/)
  assert.match(remedy, /\/etc\/subuid/)
})

test('if no cgroup is delegated the log says what is missing, and a limit is an error that names its field', () => {
  assert.equal(outside.noLimits.exitCode, 0)
  assert.match(outside.noLimits.log.join('\n'), /the container has no cgroup, since none is delegated to this user/)
  const { code, needs, remedy } = outside.limits.error
  assert.equal(code, 'ERR_HOST_CGROUP')
  assert.match(needs, /\/linux\/resources\/memory\/limit/)
  assert.match(remedy, /systemd-run --user --scope/)
})

test('if a cgroup is delegated the limits are in force, and the log is silent', () => {
  assert.equal(inside.limits.stdout, '67108864\n9\n', JSON.stringify(inside.limits))
  assert.deepEqual(inside.noLimits.log, [])
})

test('the container makes cgroups below its own', () => {
  assert.match(inside.below.stdout ?? '', /^0::\/sub$/m, JSON.stringify(inside.below))
  assert.deepEqual(inside.owner, { uid, isGone: true, log: [] })
})

test('a cgroup that only root could give away stays, and the log says so', () => {
  assert.equal(inside.otherOwner.uid, uid)
  assert.equal(inside.otherOwner.isGone, true)
  assert.match(inside.otherOwner.log.join('\n'), /only root can give it to uid 100006/)
})

test('the manager of the user makes a scope for a container, with its limits', () => {
  const { path, ...rest } = inside.inScope
  assert.match(path, new RegExp(`/user@${uid}\\.service/user\\.slice/tsrun-in-scope\\.scope$`))
  assert.deepEqual(rest, { memory: '67108864', pids: '9', status: 'paused', isGone: true })
})

test('the state is kept in the runtime directory of the user', () => {
  assert.deepEqual(outside.state, { root: `/run/user/${uid}/tsrun`, found: true })
})

test('a bind shows what the user sees, and what it may not see is an error', () => {
  assert.equal(outside.bind.stdout, 'the file of the user\nrefused\n', JSON.stringify(outside.bind))
  const { code, configPath, errno } = outside.ofRoot.error
  assert.deepEqual([code, errno], ['ERR_LAUNCH_OP', 'EACCES'], JSON.stringify(outside.ofRoot))
  assert.match(configPath, /^\/mounts\/[0-9]+/)
})

test('a container joins the namespaces of another one', () => {
  assert.deepEqual(outside.joined, ['user', 'net', 'ipc', 'uts'])
})
