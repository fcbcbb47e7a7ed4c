/** A network namespace of its own, with configurations of CNI, in which programs make sandboxes. */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Test } from 'tap'

export interface CniWorld {
  readonly folder: string
  /** Runs a module with `Sandbox`, `network` (an option of sandboxes) and `folder`; what it prints. */
  run(script: string): Promise<string>
  /** The same, to its SIGKILL once it prints something. */
  killed(script: string, whenPrinted?: string): Promise<void>
  /** A program in that namespace. */
  host(...command: readonly string[]): string
  /** Addresses that are given away. */
  leases(): readonly string[]
  /** Writes a configuration with these plugins. */
  configure(name: string, plugins: readonly object[]): void
  /** A plugin, as a shell script. */
  plugin(name: string, script: string): void
}

const BRIDGE = {
  ...{ type: 'bridge', bridge: 'tsrun-test0', isGateway: true },
  dns: { nameservers: ['192.0.2.53'], search: ['inside.test'] },
}
const PORTMAP = { type: 'portmap', capabilities: { portMappings: true } }

/** The bridge and the rules are gone with the namespace. Sandboxes are in a directory that other tests do not see. */
const HOLD =
  'mkdir -p /run/tsrun-sandbox && mount -t tmpfs -o mode=700 none /run/tsrun-sandbox && ip link set lo up && echo ready && exec sleep 1000'

export async function makeCniWorld(t: Test): Promise<CniWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'tsrun-cni-'))
  const holder = spawn('unshare', ['-nm', 'sh', '-c', HOLD], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => {
    holder.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })
  await once(holder.stdout, 'data')
  const enter = ['-t', String(holder.pid), '-n', '-m']
  for (const name of ['config', 'plugins', 'leases']) mkdirSync(`${folder}/${name}`)
  const configure: CniWorld['configure'] = (name, plugins) => {
    const document = { cniVersion: '1.0.0', name, plugins }
    writeFileSync(`${folder}/config/10-${name}.conflist`, JSON.stringify(document))
  }
  configure('web', [bridgeOf(folder), PORTMAP])
  const words = (script: string) => [
    ...enter,
    process.execPath,
    '--input-type=module',
    '-e',
    `${before(folder)}\n${script}`,
  ]
  return {
    ...{ folder, configure },
    plugin: (name, script) => writeFileSync(`${folder}/plugins/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 }),
    run: async script => (await promisify(execFile)('nsenter', words(script), { timeout: 60_000 })).stdout,
    killed: async (script, whenPrinted = '') => {
      const child = spawn('nsenter', words(script), { stdio: ['ignore', 'pipe', 'inherit'] })
      const ended = once(child, 'exit')
      for await (const chunk of child.stdout) if (String(chunk).includes(whenPrinted)) child.kill('SIGKILL')
      await ended
    },
    host: (...command) => spawnSync('nsenter', [...enter, ...command], { encoding: 'utf8' }).stdout,
    leases: () =>
      readdirSync(`${folder}/leases`, { recursive: true })
        .map(String)
        .filter(name => /\/10\./.test(name)),
  }
}

export const bridgeOf = (folder: string): object => ({
  ...BRIDGE,
  ipam: { type: 'host-local', dataDir: `${folder}/leases`, ranges: [[{ subnet: '10.89.77.0/24' }]] },
})

const before = (folder: string): string => `
import { existsSync, readdirSync } from 'node:fs'
import { Sandbox } from ${JSON.stringify(resolve('dist/sandbox/index.js'))}
const folder = ${JSON.stringify(folder)}
const network = {
  cni: 'web',
  configDirectories: [folder + '/config'],
  pluginDirectories: [folder + '/plugins', '/usr/lib/cni'],
}
const descriptors = () => readdirSync('/proc/self/fd').length
const boxes = () => (existsSync('/run/tsrun-sandbox/boxes') ? readdirSync('/run/tsrun-sandbox/boxes') : [])
const tell = value => console.log(JSON.stringify(value))
`
