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

/** As GitHub makes it of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')

t.test('a link to a part of a page has a heading there', async t => {
  const anchors = new Map(
    pages.map(({ path, text }) => [
      path,
      [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchorOf(heading)),
    ]),
  )
  const links = pages.flatMap(({ path, text }) =>
    [...text.matchAll(/\]\(([^)#\s:]*)#([^)\s]+)\)/g)].map(([, page = '', anchor = '']) => {
      const target = page === '' ? path : join(dirname(path), page)
      return { path, target, anchor }
    }),
  )
  t.ok(links.length > 5)
  const broken = links.filter(({ target, anchor }) => target.endsWith('.md') && !anchors.get(target)?.includes(anchor))
  t.same(
    broken.map(({ path, target, anchor }) => `${path} -> ${target}#${anchor}`),
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
