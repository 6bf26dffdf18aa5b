/** A line of a tree and those below it. */
export interface Branch {
  text: string;
  below?: Branch[];
}

/** A tree as text: the first line at the margin, those below it at branches. */
export function printTree({ text, below = [] }: Branch): string {
  return `${text}\n${below.map((branch, index) => printBranch(branch, '', index === below.length - 1)).join('')}`;
}

function printBranch({ text, below = [] }: Branch, margin: string, isLast: boolean): string {
  const inner = `${margin}${isLast ? '   ' : '│  '}`;
  const lines = below.map((branch, index) => printBranch(branch, inner, index === below.length - 1));
  return `${margin}${isLast ? '└─ ' : '├─ '}${text}\n${lines.join('')}`;
}
