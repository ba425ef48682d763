// What a search quotes is the article's text, without the buttons and the table of contents around it.
document.addEventListener("DOMContentLoaded", () => {
  const textOf = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    const around = ".bd-header-article, #jb-print-docs-body, .bd-sidebar-secondary, footer";
    page.querySelectorAll(around).forEach((part) => part.remove());
    return textOf(page.documentElement.outerHTML, anchor);
  };
});
