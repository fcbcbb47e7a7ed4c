import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { sources } from './sources.js'

const pages = sources('.', '.md')

/** The files that a page links to, relative to the project. */
function linksOf(path: string, text: string): readonly string[] {
  const targets = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target]) => target ?? '')
  return targets.filter(target => !/^[a-z]+:/.test(target)).map(target => join(dirname(path), target))
}

t.test('pages link to files that are there', async t => {
  const links = pages.flatMap(({ path, text }) => linksOf(path, text).map(target => ({ path, target })))
  t.ok(links.length > 5)
  const broken = links.filter(({ target }) => !existsSync(target))
  t.same(
    broken.map(({ path, target }) => `${path} -> ${target}`),
    [],
  )
})

t.test('every page can be reached from the README', async t => {
  const reached = new Set<string>()
  const visit = (path: string) => {
    const page = pages.find(candidate => candidate.path === path)
    if (page === undefined || reached.has(path)) return
    reached.add(path)
    linksOf(path, page.text).forEach(visit)
  }
  visit('README.md')
  const own = pages.filter(({ path }) => /^(docs\/|[A-Z]+\.md)/.test(path))
  t.same(
    own.map(({ path }) => path).filter(path => !reached.has(path)),
    [],
  )
})
