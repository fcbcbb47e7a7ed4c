/** What a command is: its words for the help, its flags, and what it does. */
import type { Log } from './log.js'

/** What a shell offers in a place: the ids of containers, paths, names of signals or commands, or these words. */
export type Completion = 'container' | 'file' | 'directory' | 'signal' | 'command' | readonly string[]

export interface Flag {
  /** Without dashes. Accepted with one dash or two. */
  readonly name: string
  /** One letter. */
  readonly short?: string
  /** What the help calls the value; a flag without one is a switch. */
  readonly value?: string
  /** `count`: a whole number >= 0. Default `text`. */
  readonly kind?: 'text' | 'count'
  /** May be given several times; each one counts. */
  readonly isList?: boolean
  /** What a shell offers as its value. Default: nothing. */
  readonly completes?: Completion
  readonly help: string
  /** Accepted, but not in the help. */
  readonly isHidden?: boolean
}

/** What the flags of a call say. */
export interface Flags {
  isOn(name: string): boolean
  /** undefined: not given. */
  text(name: string): string | undefined
  /** All that were given of a list. */
  list(name: string): readonly string[]
  /** 0 if not given. */
  count(name: string): number
}

/** The flags in front of the command, made ready. */
export interface Globals {
  /** Absolute; undefined: the default. */
  readonly root: string | undefined
  readonly cgroupManager: 'cgroupfs' | 'systemd'
  readonly log: Log
  /** The log gets every step. */
  readonly isDebug: boolean
}

/** All commands by name, each loaded when it is asked for. */
export type Commands = Readonly<Record<string, () => Promise<Command>>>

export interface Call {
  readonly commands: Commands
  readonly flags: Flags
  readonly args: readonly string[]
  readonly globals: Globals
}

export interface Command {
  readonly summary: string
  /** What follows the command's name in the help. */
  readonly usage: string
  /** More than the summary says, in whole lines. */
  readonly description?: string
  readonly flags: readonly Flag[]
  readonly arguments: { readonly min: number; readonly max: number }
  /** What a shell offers as the first argument, the second, ... Default: nothing. */
  readonly completes?: readonly Completion[]
  /** Everything after the first argument is an argument, even with a dash in front. */
  readonly stopsAtArgument?: boolean
  /** Flags that it does not know are arguments. */
  readonly passesFlags?: boolean
  /** Resolves with the exit status. */
  run(call: Call): Promise<number>
}
