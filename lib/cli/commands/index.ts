/** The commands by name, each loaded when it is called: the time to start is part of every call. */
import type { Commands } from '../command.js'

export const COMMANDS = {
  checkpoint: async () => (await import('./checkpoint.js')).command,
  completion: async () => (await import('./completion.js')).command,
  create: async () => (await import('./create.js')).command,
  delete: async () => (await import('./delete.js')).command,
  doctor: async () => (await import('./doctor.js')).command,
  events: async () => (await import('./events.js')).command,
  exec: async () => (await import('./exec.js')).command,
  features: async () => (await import('./features.js')).command,
  image: async () => (await import('./image.js')).command,
  kill: async () => (await import('./kill.js')).command,
  list: async () => (await import('./list.js')).command,
  pause: async () => (await import('./pause.js')).command,
  plan: async () => (await import('./plan.js')).command,
  ps: async () => (await import('./ps.js')).command,
  restore: async () => (await import('./restore.js')).command,
  resume: async () => (await import('./resume.js')).command,
  run: async () => (await import('./run.js')).command,
  sandbox: async () => (await import('./sandbox-command.js')).command,
  spec: async () => (await import('./spec.js')).command,
  start: async () => (await import('./start.js')).command,
  state: async () => (await import('./state.js')).command,
  update: async () => (await import('./update.js')).command,
  volume: async () => (await import('./volume.js')).command,
} as const satisfies Commands
