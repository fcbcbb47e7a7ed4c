import { closeSync, existsSync, mkdirSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type ExampleOptions, exampleConfig, type OciConfig } from '../../index.js'
import type { Call, Command, Flags } from '../command.js'
import { runtimeOf } from '../open-runtime.js'

export const command: Command = {
  summary: 'write a config.json to begin with',
  usage: '[command options] [-- PROGRAM [ARGUMENTS...]]',
  description: `The configuration runs sh on a terminal, or the program without one, in the root file system "rootfs".
With --host-root "rootfs" is made, empty, and the programs come from the host, read-only, with the parts of /etc that programs
need; a filter of system calls and limits of processes and memory are added.`,
  flags: [
    {
      name: 'bundle',
      short: 'b',
      value: 'DIR',
      completes: 'directory',
      help: 'where to write it (default: the current directory)',
    },
    { name: 'rootless', help: 'for a user without privileges' },
    { name: 'host-root', help: 'use the directories of the host that hold programs, and no root file system' },
  ],
  arguments: { min: 0, max: Number.POSITIVE_INFINITY },
  stopsAtArgument: true,
  run: spec,
}

async function spec(call: Call): Promise<number> {
  const { flags } = call
  const bundle = resolve(flags.text('bundle') || '.')
  const config = flags.isOn('host-root') ? onHost(call) : asRunc(call)
  writeNew(join(bundle, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
  if (flags.isOn('host-root')) mkdirSync(join(bundle, 'rootfs'), { recursive: true })
  return 0
}

/** What callers of runc expect to change: no filter, no limits, and what the image has in /tmp. */
function asRunc({ flags, args }: Call): OciConfig {
  const config = exampleConfig({ ...optionsFor(flags, args), seccomp: false, limits: false })
  return { ...config, mounts: (config.mounts ?? []).filter(({ destination }) => destination !== '/tmp') }
}

/** There where libseccomp is. */
const SECCOMP_VERSION = 'io.github.seccomp.libseccomp.version'

function onHost({ flags, args, globals }: Call): OciConfig {
  const seccomp = SECCOMP_VERSION in (runtimeOf(globals).features().annotations ?? {})
  if (!seccomp) globals.log.warning('no filter of system calls, since libseccomp.so.2 is not installed')
  return exampleConfig({ ...optionsFor(flags, args), seccomp, hostPaths: HOST_PATHS.filter(path => existsSync(path)) })
}

function optionsFor(flags: Flags, args: readonly string[]): ExampleOptions {
  return {
    ...(args.length > 0 && { args, terminal: false }),
    ...(flags.isOn('rootless') && { rootless: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 } }),
  }
}

/** Where distributions keep programs and what they are linked against. */
const PROGRAMS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix', '/gnu']

/** What programs read at run time, by name: passwords, keys and the settings of services are in /etc as well. */
const ETC = `
  alternatives bash.bashrc bindresvport.blacklist ca-certificates ca-certificates.conf crypto-policies/back-ends
  debian_version fonts gai.conf group host.conf inputrc ld.so.cache ld.so.conf ld.so.conf.d localtime locale.alias
  locale.conf magic magic.mime mime.types networks nsswitch.conf os-release passwd perl pki/ca-trust/extracted pki/tls/cert.pem
  pki/tls/certs profile protocols python3 redhat-release rpc services shells ssl/cert.pem ssl/certs ssl/openssl.cnf terminfo
  timezone xdg xml
`

const HOST_PATHS = [
  ...PROGRAMS,
  ...ETC.trim()
    .split(/\s+/)
    .map(name => `/etc/${name}`),
]

function writeNew(path: string, text: string): void {
  const fd = openNew(path)
  try {
    writeFileSync(fd, text)
  } catch (error) {
    // A half of it would be in the way of the next try.
    rmSync(path, { force: true })
    throw named(path, error)
  } finally {
    closeSync(fd)
  }
}

function openNew(path: string): number {
  try {
    return openSync(path, 'wx')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw named(path, error)
    throw new Error('File config.json exists. Remove it first', { cause: error })
  }
}

const named = (path: string, cause: unknown): Error => new Error(`${path}: ${(cause as Error).message}`, { cause })
