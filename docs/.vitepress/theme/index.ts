import { type Theme, useData } from 'vitepress';
import theme from 'vitepress/theme';
import { defineComponent, h } from 'vue';
import './style.css';

/** What the theme of this site takes besides VitePress's options. */
export interface Own {
  /** Path of the newest version, where another one is shown. */
  newest?: string | undefined;
}

/** VitePress's theme, which says above each page of an older version that there is a newer one. */
export default {
  extends: theme,
  Layout: defineComponent(() => {
    const { newest } = useData<Own>().theme.value;
    const notice = () => {
      const link = h('a', { href: newest, target: '_self' }, 'Read the newest.');
      return h('p', { class: 'older' }, ['You read about an older version. ', link]);
    };
    return () => h(theme.Layout, null, newest ? { 'doc-before': notice, 'home-hero-info-before': notice } : {});
  }),
} satisfies Theme;
