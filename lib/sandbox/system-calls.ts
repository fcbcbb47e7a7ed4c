/** The filter of system calls of a sandbox: that of `exampleConfig`, with fewer kinds of sockets, and what the profile adds by name. */
import { optionError } from '../config/option.js'
import type { OciConfig } from '../index.js'
import { type SandboxProfile, SOCKET_FAMILIES } from './profile.js'

/** @throws {ConfigError} naming the part of the profile */
export function checkFilter({ seccomp, systemCalls, sockets }: SandboxProfile): void {
  const isName = (name: unknown): boolean => typeof name === 'string' && /^[a-z][a-z0-9_]*$/.test(name)
  const wrong = (option: string, expected: string, received: unknown) =>
    optionError({ option: `profile.${option}`, expected, received })
  if (!Array.isArray(systemCalls) || !systemCalls.every(isName))
    throw wrong('systemCalls', 'an array of names of system calls, such as "ptrace"', systemCalls)
  const known = Object.keys(SOCKET_FAMILIES)
  if (!Array.isArray(sockets) || !sockets.every(family => known.includes(family)))
    throw wrong('sockets', `an array of ${known.join(', ')}`, sockets)
  if (!seccomp && systemCalls.length > 0) throw wrong('systemCalls', 'empty without seccomp', systemCalls)
}

type Seccomp = NonNullable<NonNullable<OciConfig['linux']>['seccomp']>

export function filterOf(filter: Seccomp, { systemCalls, sockets }: SandboxProfile): Seccomp {
  const others = (filter.syscalls ?? []).filter(({ names }) => !names.includes('socket'))
  const named = sockets.map(family => ({
    names: ['socket'],
    action: 'SCMP_ACT_ALLOW' as const,
    args: [{ index: 0, value: SOCKET_FAMILIES[family], op: 'SCMP_CMP_EQ' as const }],
  }))
  const added = systemCalls.length === 0 ? [] : [{ names: [...systemCalls], action: 'SCMP_ACT_ALLOW' as const }]
  // What the filter refuses with an errno of its own or under a condition is allowed as a whole if it is named.
  const isReplaced = (name: string): boolean => systemCalls.includes(name)
  const kept = others
    .map(rule => ({ ...rule, names: rule.names.filter(name => !isReplaced(name)) }))
    .filter(({ names }) => names.length > 0)
  return { ...filter, syscalls: [...kept, ...named, ...added] }
}
