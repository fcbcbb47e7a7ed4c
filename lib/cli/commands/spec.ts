import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type ExampleOptions, exampleConfig } from '../../index.js'
import type { Call, Command, Flags } from '../command.js'

export const command: Command = {
  summary: 'write a config.json to begin with',
  usage: '[command options] [-- PROGRAM [ARGUMENTS...]]',
  description: `The configuration runs sh on a terminal, or the program without one, in the root file system "rootfs".
With --host-root "rootfs" is made, empty, and the programs come from the host, read-only.`,
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

async function spec({ flags, args }: Call): Promise<number> {
  const bundle = resolve(flags.text('bundle') || '.')
  writeNew(join(bundle, 'config.json'), `${JSON.stringify(exampleConfig(optionsFor(flags, args)), null, 2)}\n`)
  if (flags.isOn('host-root')) mkdirSync(join(bundle, 'rootfs'), { recursive: true })
  return 0
}

function optionsFor(flags: Flags, args: readonly string[]): ExampleOptions {
  return {
    ...(args.length > 0 && { args, terminal: false }),
    ...(flags.isOn('rootless') && { rootless: { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 } }),
    ...(flags.isOn('host-root') && { hostDirectories: HOST_DIRECTORIES.filter(isDirectory) }),
  }
}

/** Where distributions keep programs, what they are linked against, and what both read at run time. */
const HOST_DIRECTORIES = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/etc', '/nix', '/gnu']

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: 'wx' })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw new Error('File config.json exists. Remove it first', { cause: error })
    // A half of it would be in the way of the next try.
    rmSync(path, { force: true })
    throw new Error(`${path}: ${message}`, { cause: error })
  }
}
