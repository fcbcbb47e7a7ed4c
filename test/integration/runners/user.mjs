/** A test as a user of the package writes it, for Vitest and for Jest. FOLDER has `rootfs` and `config.json`; PREFIX begins the ids. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { createRuntime } from 'tsrun'

const { expect, test } = globalThis
const { FOLDER: folder, PREFIX: prefix } = process.env

test('a container is created, runs and is deleted', async () => {
  const runtime = createRuntime({ root: `${folder}/state` })
  const config = JSON.parse(readFileSync(`${folder}/config.json`, 'utf8'))
  const id = `${prefix}-${basename(import.meta.url, '.test.mjs')}`
  config.linux.cgroupsPath = `/${id}`
  const container = await runtime.create({ id, rootfs: `${folder}/rootfs`, config, stdio: 'ignore' })
  await container.start()
  expect((await container.wait()).exitCode).toBe(0)
  await container.delete()
  const { stdout } = await runtime.run({ id, rootfs: `${folder}/rootfs`, config })
  expect(stdout).toBe('hello\n')
}, 60_000)
