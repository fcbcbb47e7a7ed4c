/** What a sandbox refuses: each row of the table in docs/sandbox.md, tried from inside. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Sandbox, type SandboxProfile } from '../../lib/sandbox/index.js'
import { compileProgram } from '../compile-program.js'
import { missing } from '../needs.js'

const skip = { skip: missing('root', 'libseccomp', 'cc') }

const directory = mkdtempSync(join(tmpdir(), 'tsrun-attacks-'))
chmodSync(directory, 0o755)
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

/** Attempt and outcome, of a sandbox with that profile. */
async function attack(t: Test, profile: Partial<SandboxProfile>): Promise<ReadonlyMap<string, string>> {
  const box = await Sandbox.create({ mounts: [{ source: directory, target: '/attacks' }], profile })
  t.teardown(() => box.stop())
  const { stdout, stderr, verdict } = await box.commands.run(['/attacks/attacks'])
  t.same({ stderr, verdict }, { stderr: '', verdict: 'ok' })
  return new Map(stdout.split('\n').flatMap(line => (line === '' ? [] : [line.split('\t') as [string, string]])))
}

/** Of docs/sandbox.md: attempt and outcome in a sandbox. */
function documented(): ReadonlyMap<string, string> {
  const [, section = ''] = readFileSync('docs/sandbox.md', 'utf8').split("### What is refused beyond Docker's default")
  const rows = section.split('\n').filter(line => line.startsWith('| ') && !line.startsWith('| Tried'))
  const cells = rows.filter(line => line.split(' | ').length === 4).map(line => line.slice(2).split(' | '))
  return new Map(cells.map(([tried = '', , here = '']) => [tried, here]))
}

t.before(() => {
  if (!skip.skip) compileProgram(readFileSync('test/sandbox/attacks.c', 'utf8'), join(directory, 'attacks'))
})

t.test('a sandbox refuses what its documentation says', skip, async t => {
  const expected = documented()
  t.ok(expected.size >= 20)
  t.same(Object.fromEntries(await attack(t, {})), Object.fromEntries(expected))
})

t.test('the profile is loosened by name, and by nothing else', skip, async t => {
  const systemCalls = ['ptrace', 'process_vm_readv', 'unshare', 'keyctl']
  const sockets = ['unix', 'inet', 'alg'] as const
  const found = await attack(t, { systemCalls, sockets, capabilities: ['CAP_CHOWN'], noNewPrivileges: false })
  t.equal(found.get('`ptrace`'), 'done')
  t.equal(found.get('`process_vm_readv`'), 'done')
  t.equal(found.get('`chown` to somebody else'), 'done')
  t.equal(found.get('privileges of files that are executed'), 'gained')
  t.not(found.get('`socket(AF_ALG)`'), 'EPERM')
  t.equal(found.get('`socket(AF_PACKET)`'), 'EPERM')
  t.equal(found.get('`setuid(0)`'), 'EPERM')
  t.equal(found.get('`bpf`'), 'EPERM')
})

t.test('without a filter the rest still holds', skip, async t => {
  const found = await attack(t, { seccomp: false })
  t.equal(found.get('`ptrace`'), 'done')
  for (const name of ['`mount`', '`setuid(0)`', '`chroot`', '`mknod` of a device'])
    t.equal(found.get(name), 'EPERM', name)
})

t.test('a wrong profile is told', skip, async t => {
  const wrong = (profile: object) => t.rejects(Sandbox.create({ profile }), { code: 'ERR_CONFIG_INVALID' } as const)
  await wrong({ systemCalls: ['Ptrace!'] })
  await wrong({ systemCalls: 'ptrace' })
  await wrong({ sockets: ['nosuch'] })
  await wrong({ seccomp: false, systemCalls: ['ptrace'] })
})
