/** Containers with limits, for the tests of resources. */
import { existsSync, readFileSync } from 'node:fs'
import type { Test } from 'tap'
import { makeBundle, type TestConfig } from '../bundle.js'
import { excused, missing } from '../needs.js'
import { createSleeper } from './attempt.js'

export type ResourcesInput = NonNullable<TestConfig['linux']['resources']>

export const MEBIBYTE = 1024 * 1024
export const V1 = '/sys/fs/cgroup'

const skip = missing('root', 'busybox', 'cgroup-v1')

/** A test of what needs a controller, skipped where the host has bound it elsewhere. */
export const needs = (controller = '', file = '') => ({ skip: skip || absent(`${controller}/${file}`) })

const absent = (file: string): string | false =>
  !existsSync(`${V1}/${file}`) && excused(['cgroup-v1-controllers'], `needs ${file} of cgroup v1`)

/** A container with these resources, and how its cgroup's files read. */
export async function limited(t: Test, resources: ResourcesInput) {
  const bundle = makeBundle(t)
  const path = `/${bundle.id('limited')}`
  const container = await createSleeper(bundle, config => {
    config.linux.cgroupsPath = path
    config.linux.resources = resources
  })
  const read = (controller: string, file: string): string =>
    readFileSync(`${V1}/${controller}${path}/${file}`, 'utf8').trim()
  return { container, read, log: bundle.log }
}

export const change = (resources: ResourcesInput) => (config: TestConfig) => {
  config.linux.resources = resources
}
