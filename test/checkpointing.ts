/** Containers that are saved and made again. */
import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import type { Container } from '../lib/index.js'
import type { TestBundle, TestConfig } from './bundle.js'
import { until } from './until.js'

/** A shell program that writes 1, 2, 3, ... and ends by itself after some minutes. */
export const COUNTER = 'i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); echo $i; sleep 0.05; done'

export interface Counter {
  readonly container: Container
  /** The numbers that it has written so far. */
  numbers(): readonly number[]
}

/** Reads what it writes. */
export function follow(container: Container): Counter {
  let text = ''
  const output = container.terminal ?? container.stdout
  output?.on('data', (chunk: Buffer) => (text += chunk))
  return {
    container,
    numbers: () =>
      text
        .trim()
        .split(/\s+/)
        .map(Number)
        .filter(number => number > 0),
  }
}

export const hasCounted = ({ numbers }: Counter): Promise<void> => until(() => numbers().length >= 3, 'three numbers')

/** A container that runs the shell program, of which some output has been seen. */
export async function started(
  box: TestBundle,
  program = COUNTER,
  change = (_: TestConfig): void => {},
): Promise<Counter> {
  box.configure(config => {
    config.process.args = ['/bin/sh', '-c', program]
    change(config)
  })
  const container = await box.runtime.create({ id: box.id(), bundle: box.bundle })
  const counter = follow(container)
  await container.start()
  await hasCounted(counter)
  return counter
}

/** A directory for images that is not there yet. */
export const imagesIn = (box: TestBundle): string => join(mkdtempSync(join(box.directory, 'saved-')), 'images')
