/** A registry on loopback, and images to put into it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Test } from 'tap'
import { until } from '../until.js'

/** A directory of the test's own, removed when it ends. */
export function scratch(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'tsrun-image-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}

export interface TestRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string
  /** Where it keeps its blobs. */
  readonly storage: string
}

export interface RegistryExtras {
  /** Lines of its configuration, below `http:` and at the top. */
  readonly http?: string
  readonly top?: string
}

/** Debian's docker-registry, until the test ends. */
export async function startRegistry(t: Test, { http = '', top = '' }: RegistryExtras = {}): Promise<TestRegistry> {
  const directory = scratch(t)
  const port = await freePort()
  const storage = join(directory, 'storage')
  const file = join(directory, 'config.yml')
  const text = `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage:
  filesystem: { rootdirectory: ${storage} }
  delete: { enabled: true }
http:
  addr: 127.0.0.1:${port}
${http}
${top}
`
  writeFileSync(file, text)
  const child = spawn('docker-registry', ['serve', file], { stdio: 'ignore' })
  t.teardown(() => ended(child))
  await until(() => answers(port), 'the registry')
  return { host: `127.0.0.1:${port}`, storage }
}

/** Whether somebody listens, whatever is spoken there. */
function answers(port: number): boolean {
  return spawnSync('bash', ['-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`], { stdio: 'ignore' }).status === 0
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const over = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await over
}

export const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

export function command(file: string, ...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  if (status !== 0) throw new Error(`${file} ${args.join(' ')}: ${status}: ${stderr}`)
  return stdout
}

export interface TestImage {
  /** For each layer, its files with their content. Default: one layer with one file. */
  readonly layers?: readonly Readonly<Record<string, string | Uint8Array>>[]
  readonly config?: object
  readonly architecture?: string
}

const OCI = 'application/vnd.oci.image'

/** An image layout with one image of the name `test`, made without any of our code. Returns its directory. */
export function makeLayout(t: Test, image: TestImage = {}): string {
  const directory = scratch(t)
  const { layers = [{ 'etc/hello': 'hello\n' }], config = {}, architecture = 'amd64' } = image
  const blobs = join(directory, 'blobs', 'sha256')
  mkdirSync(blobs, { recursive: true })
  const put = (bytes: Uint8Array, mediaType: string) => {
    const digest = digestOf(bytes)
    writeFileSync(join(blobs, digest.slice('sha256:'.length)), bytes)
    return { mediaType, digest, size: bytes.length }
  }
  const archives = layers.map(files => tarOf(t, files))
  const document = (value: unknown) => Buffer.from(JSON.stringify(value))
  const rootfs = { type: 'layers', diff_ids: archives.map(digestOf) }
  const manifest = {
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: put(document({ architecture, os: 'linux', config, rootfs }), `${OCI}.config.v1+json`),
    layers: archives.map(archive => put(gzipSync(archive), `${OCI}.layer.v1.tar+gzip`)),
  }
  const annotations = { 'org.opencontainers.image.ref.name': 'test' }
  const entry = { ...put(document(manifest), manifest.mediaType), annotations }
  writeFileSync(join(directory, 'index.json'), document({ schemaVersion: 2, manifests: [entry] }))
  writeFileSync(join(directory, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return directory
}

/** An archive by tar(1), with owner root and a fixed time. */
export function tarOf(t: Test, files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const directory = scratch(t)
  chmodSync(directory, 0o755)
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(directory, name, '..'), { recursive: true })
    writeFileSync(join(directory, name), content, { mode: isProgram(content) ? 0o755 : 0o644 })
  }
  const options = ['--owner=0', '--group=0', '--mtime=@0', '--sort=name', '-C', directory, '-c', '.']
  const { stdout, status } = spawnSync('tar', options, { maxBuffer: 1024 * 1024 * 1024 })
  if (status !== 0) throw new Error('tar failed')
  return stdout
}

const isProgram = (content: string | Uint8Array): boolean =>
  typeof content === 'string'
    ? content.startsWith('#!')
    : content.length > 3 && content[0] === 0x7f && content[1] === 0x45

/** Has skopeo copy a layout's image into the registry. */
export function seed({ host }: TestRegistry, layout: string, name: string, ...more: readonly string[]): void {
  command('skopeo', 'copy', '--dest-tls-verify=false', ...more, `oci:${layout}:test`, `docker://${host}/${name}`)
}
