import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A directory with these files, removed when the test ends. */
export function folder(t: Test, files: Readonly<Record<string, string>>): string {
  const path = mkdtempSync(join(tmpdir(), 'tsrun-folder-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  // For others than root, who own the files here.
  chmodSync(path, 0o755)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return path
}
