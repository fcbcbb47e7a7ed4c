/** Mounts for tests of mounts. */
import type { TestConfig } from '../bundle.js'

export type MountInput = TestConfig['mounts'][number]

/** Adds them to the configuration, after those that it has. */
export const mounting =
  (...mounts: readonly MountInput[]) =>
  (config: TestConfig): void => {
    config.mounts.push(...mounts)
  }

export const tmpfs = (destination: string, ...options: string[]): MountInput => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options,
})
