/** What a call of create adds to the configuration, for the first process alone: what is exec'd later does not get it. */
import type { Config } from '../spec/config.js'
import type { Context } from './context.js'
import { withEnv } from './exec-process.js'
import { NOTIFY_ENV, notifyMount } from './notify.js'

export interface Extras {
  readonly id: string
  readonly extraEnv?: readonly string[]
  readonly notify?: boolean
}

/** @throws {ConfigError} for a notify socket without a mount namespace */
export function withExtras(context: Context, config: Config, { id, extraEnv = [], notify = false }: Extras): Config {
  const env = notify ? [...extraEnv, NOTIFY_ENV] : extraEnv
  const { process } = config
  return {
    ...config,
    process: process === null || env.length === 0 ? process : { ...process, env: withEnv(process.env, env) },
    mounts: notify ? [...config.mounts, notifyMount(context, id, config)] : config.mounts,
  }
}
