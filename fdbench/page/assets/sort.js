"use strict";
// Every table sorts by the column whose head is clicked or chosen by key; cells without a number come last.
for (const table of document.querySelectorAll("table")) {
  const box = document.createElement("div");
  box.className = "scroll";
  table.replaceWith(box);
  box.append(table);
  const heads = [...table.querySelectorAll("thead th")];
  const body = table.tBodies[0];
  const valueOf = (row, column) => {
    const text = row.cells[column].textContent.replace("†", "").trim();
    const number = parseFloat(text.replace(/^[>\s]+/, ""));
    return Number.isNaN(number) || !/^[>\s+-]*[\d.]/.test(text) ? text.toLowerCase() : number;
  };
  const isEmpty = (value) => value === "" || value === "–";
  heads.forEach((head, column) => {
    head.tabIndex = 0;
    head.title = "sort";
    const sort = () => {
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      const rows = [...body.rows].map((row) => [valueOf(row, column), row]);
      rows.sort(([a], [b]) => {
        if (isEmpty(a) || isEmpty(b)) return isEmpty(a) - isEmpty(b);
        if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
        const order = a < b ? -1 : a > b ? 1 : 0;
        return ascending ? order : -order;
      });
      body.append(...rows.map(([, row]) => row));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      sort();
    });
  });
}
