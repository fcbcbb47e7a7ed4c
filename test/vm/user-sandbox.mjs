/** Run as a user without privileges: a sandbox with all limits, and what came of it as JSON. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Sandbox } from '../../dist/sandbox/index.js'

const source = mkdtempSync(join(tmpdir(), 'tsrun-user-sandbox-'))
writeFileSync(join(source, 'in.txt'), 'read ')
const found = {}
try {
  const box = await Sandbox.create({
    mounts: [{ source, target: '/work', mode: 'overlay' }],
    network: { allow: ['pypi.org:443', 'files.pythonhosted.org:443'] },
    limits: { memory: '256MiB', cpus: 1, pids: 128, disk: '64MiB' },
    timeoutMs: 300_000,
  })
  const verdictOf = async (command, options = {}) => (await box.commands.run(command, options)).verdict
  try {
    const options = { cwd: '/work', envs: { LANG: 'C' }, timeoutMs: 60_000 }
    const result = await box.commands.run(['sh', '-c', 'cat in.txt; echo by sh; echo x > out.txt'], options)
    await box.files.write('/work/a.txt', 'data')
    Object.assign(found, { result, isolation: box.isolation, uid: process.getuid() })
    found.changes = (await box.diff('/work')).map(({ change, path }) => `${change} ${path}`)
    found.memory = await verdictOf('dd if=/dev/zero of=/dev/null bs=300M count=1')
    found.cpu = await verdictOf('i=0; while [ $i -lt 1000000000 ]; do i=$((i + 1)); done', { cpuMs: 500 })
    found.late = await verdictOf('sleep 1000 & sleep 1000', { timeoutMs: 1000 })
    found.denied = await verdictOf(['bash', '-c', 'exec 3<>/dev/tcp/example.org/443'])
  } finally {
    await box.stop()
  }
  found.left = readdirSync(join(process.env.XDG_RUNTIME_DIR, 'tsrun-sandbox/boxes'))
} catch (error) {
  Object.assign(found, { error: error.toJSON?.() ?? String(error.stack) })
}
rmSync(source, { recursive: true })
console.log(JSON.stringify(found))
