/** First lines of a page: what it is generated from, and its title. */
export function title(source: string, name: string): string {
  return `<!-- Generated from ${source} by "npm run generate". -->\n# ${name}\n`;
}

/** A part of a text that people read as code: a command, JSON, a path of a field, a variable, a name with capitals inside. */
const CODE = new RegExp(
  [
    /(?<=: )kubectl(?: [^\s.:]+(?:\.\w+)*)+/,
    /\bkubectl (?:apply|describe|exec|explain|get|logs|scale)\b/,
    /\bKUBECONFIG\b/,
    /\[?\{"?\w+"?:[^}]*\}\]?/,
    /"[^" ]+"/,
    /--[a-z][\w-]*/,
    /~\/[\w./]*\w/,
    /(?:\*\.)?<[a-z]+>(?:[-.][\w<>*-]+)*/,
    /\w+:\/\/[\w.:/-]*\w|\w+:\/\//,
    /\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b/,
    /\b[a-z][\w-]*(?:\.[\w*>/-]+)*\.[\w*>/-]*[\w*>]/,
    /\b[a-z]+[A-Z]\w*\b/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
);

/** A text of the code, such as a description, in Markdown: what is code in it looks like code, and nothing in it is markup. */
export function prose(text: string): string {
  let markdown = '';
  let end = 0;
  for (const { 0: match, index } of text.matchAll(CODE)) {
    markdown += plain(text.slice(end, index)) + code(match);
    end = index + match.length;
  }
  return markdown + plain(text.slice(end));
}

/** The same without code. */
function plain(text: string): string {
  return text.replaceAll(/[\\`*_~<>[\]{}]/g, '\\$&');
}

/** Code within a line. */
export function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}

/** What one entry of a reference says. */
export interface Entry {
  name: string;
  /** Type, limits, default and the like, in Markdown. */
  facts: (string | false | undefined)[];
  /** In Markdown. */
  text?: string | undefined;
}

/** An entry of a list: name and facts on the first line, the text below. Tables would be too wide for a phone. */
export function item(entry: Entry): string {
  return `- ${lines(entry).join('\\\n  ')}`;
}

/** The same as a paragraph. */
export function paragraph(entry: Entry): string {
  return lines(entry).join('\\\n');
}

function lines({ name, facts, text }: Entry): string[] {
  const given = facts.filter(Boolean).join(' · ');
  return [`**${code(name)}**${given && ` *${given}*`}`, ...(text ? [text] : [])];
}

/** The anchor of a heading of words, on GitHub and on the site alike. */
export function anchor(heading: string): string {
  return heading.toLowerCase().replaceAll(' ', '-');
}
