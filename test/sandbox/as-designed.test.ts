/** The example that sandboxes were designed by, as it is written there: of an image, over this machine's programs, as root and as a plain user. */
import { readFileSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { transform } from 'esbuild'
import t, { type Test } from 'tap'
import { execute } from '../command.js'
import { makeLayout, scratch, seed, startRegistry } from '../image/registry.js'
import { missing } from '../needs.js'
import { makeRootlessBundle } from '../rootless.js'

const EXAMPLE = `
import { Sandbox } from 'tsrun/sandbox'

await using box = await Sandbox.create({
  image: 'python:3.12-slim',            // or rootfs: 'dir', or host: ['/usr', '/lib', ...] read-only, or nothing: this machine's programs
  mounts: [{ source: '.', target: '/work', mode: 'overlay' }],   // 'ro' | 'rw' | 'overlay'
  network: { allow: ['pypi.org:443', 'files.pythonhosted.org:443'] },
  limits: { memory: '512MiB', cpus: 1, pids: 128, disk: '1GiB' },
  timeoutMs: 60_000,
})
const result = await box.commands.run(['python', '-c', code], { cwd: '/work', envs: { LANG: 'C' }, onStdout, timeoutMs: 5_000, signal })
result.verdict   // 'ok' | 'exit' | 'signal' | 'timeout' | 'memory' | 'output' | 'denied'
result.usage     // { cpuMs, peakMemory, wallMs }
await box.files.write('/work/a.txt', data)
const changes = await box.diff('/work')          // commit(), discard()
`
const BEFORE = `
const told = []
const onStdout = text => told.push(text)
const { signal } = new AbortController()
const data = 'data'
`
const AFTER = `
const refused = await box.commands.run(connect)
const slow = await box.commands.run('sleep 1000 & sleep 1000', { timeoutMs: 200 })
console.log(JSON.stringify({ result, told, refused, slow, changes: changes.map(({ change, path }) => change + ' ' + path) }))
`
const IMAGE = "image: 'python:3.12-slim',"

interface Change {
  /** In place of the line of the image; none: it stays. */
  readonly image: string
  /** Where the package is. */
  readonly dist: string
  /** In place of the limits. */
  readonly limits?: string
  /** What "python -c" gets, and a shell that wants to connect where it may not. */
  readonly code: string
  readonly connect: string
}

/** The program, for a Node without `await using`. */
async function programOf({ image, dist, limits, code, connect }: Change): Promise<string> {
  const given = `const [code, connect] = ${JSON.stringify([code, connect])}`
  const text = `${EXAMPLE.replace("'tsrun/sandbox'", `'${dist}/sandbox/index.js'`).replace(IMAGE, image)}`
  const limited = limits === undefined ? text : text.replace(/limits: .*/, limits)
  const whole = `import { openImages } from '${dist}/image/index.js'\n${given}\n${BEFORE}${limited}${AFTER}`
  return (await transform(whole, { loader: 'ts', format: 'esm', target: 'node20' })).code
}

function judge(t: Test, stdout: string, said: string): void {
  const { result, told, changes, refused, slow } = JSON.parse(stdout)
  t.match(result, { verdict: 'ok', exitCode: 0, stdout: said, usage: { cpuMs: Number, wallMs: Number } })
  t.equal(told.join(''), said)
  t.same(changes, ['added /work/a.txt', 'added /work/out.txt'])
  t.match(refused, { verdict: 'denied', denials: [{ host: 'example.org', port: null, reason: 'policy' }] })
  t.match(slow, { verdict: 'timeout', timedOut: true })
}

const PYTHON = 'open("out.txt", "w").write("x"); print(open("in.txt").read() + "by python")'
const CONNECT = 'exec 3<>/dev/tcp/example.org/443'

async function runAt(directory: string, program: string) {
  await writeFile(join(directory, 'in.txt'), 'read ')
  await writeFile(join(directory, 'program.mjs'), program)
  return execute(process.execPath, ['program.mjs'], { cwd: directory })
}

t.test(
  'of an image, from a registry',
  { skip: missing('root', 'busybox', 'libseccomp', 'docker-registry', 'skopeo') },
  async t => {
    const registry = await startRegistry(t)
    const busybox = readFileSync('/bin/busybox')
    const script = '#!/bin/sh\neval "$2"\n'
    const layers = [
      { 'bin/busybox': busybox, 'bin/sh': busybox, 'bin/sleep': busybox, 'bin/cat': busybox, 'bin/python': script },
    ]
    seed(registry, makeLayout(t, { layers, config: { Env: ['PATH=/bin'] } }), 'python:3.12-slim')
    const images = `openImages({ directory: '${join(scratch(t), 'store')}' })`
    const program = await programOf({
      image: `image: '${registry.host}/python:3.12-slim', images: ${images},`,
      dist: resolve('dist'),
      code: 'cat in.txt; echo by python; echo x > out.txt',
      connect: 'busybox nslookup example.org',
    })
    const directory = scratch(t)
    const { status, stdout, stderr } = await runAt(directory, program)
    t.equal(status, 0, stderr)
    judge(t, stdout, 'read by python\n')
    t.same((await readdir(directory)).sort(), ['in.txt', 'program.mjs'])
  },
)

for (const [what, image] of [
  ["over this machine's programs", ''],
  ['over named directories of the host', "host: ['/usr', '/bin', '/lib', '/lib64'],"],
] as const)
  t.test(what, { skip: missing('root', 'bash', 'python3', 'libseccomp') }, async t => {
    const code = PYTHON
    const connect = `bash -c '${CONNECT}'`
    const program = await programOf({ image, dist: resolve('dist'), code, connect })
    const { status, stdout, stderr } = await runAt(scratch(t), program.replace('"python"', '"python3"'))
    t.equal(status, 0, stderr)
    judge(t, stdout, 'read by python\n')
  })

t.test(
  'as a plain user',
  { skip: missing('root', 'bash', 'python3', 'busybox', 'libseccomp', 'user-namespaces') },
  async t => {
    const { directory, script } = makeRootlessBundle(t)
    const asked = { image: '', dist: `${directory}/code/dist`, code: PYTHON, connect: `bash -c '${CONNECT}'` }
    const run = async (change: Partial<Change>) => {
      const program = await programOf({ ...asked, ...change })
      await writeFile(join(directory, 'bundle/in.txt'), 'read ')
      await writeFile(join(directory, 'bundle/program.mjs'), program.replace('"python"', '"python3"'))
      return script(`${directory}/node program.mjs`)
    }
    // Memory and processors are limited by a cgroup, which this machine delegates to nobody: test/vm has one that does.
    const whole = await run({})
    t.match(whole, { status: 1, stderr: /ERR_HOST_CGROUP.*systemd-run --user --scope/s })
    const { status, stdout, stderr } = await run({ limits: "limits: { pids: 128, disk: '1GiB' }," })
    t.equal(status, 0, stderr)
    judge(t, stdout, 'read by python\n')
  },
)
