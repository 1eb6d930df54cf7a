"use strict";
// Tables of class "sortable": a button in each heading sorts, a field above long ones filters rows.
for (const table of document.querySelectorAll("table.sortable")) {
  const said = document.body.dataset, lang = document.documentElement.lang;
  const collator = new Intl.Collator(lang, { numeric: true });
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  const number = (row, place) => Number.parseFloat(row.cells[place].dataset.value);
  const word = (row, place) => row.cells[place].textContent.trim();
  const compare = (one, other, place, sign) => {
    if (!heads[place].classList.contains("number"))
      return sign * collator.compare(word(one, place), word(other, place));
    const [a, b] = [number(one, place), number(other, place)];
    // What has no figure comes last, whichever way.
    return Number.isNaN(a) || Number.isNaN(b) ? Number.isNaN(a) - Number.isNaN(b) : sign * (a - b);
  };
  heads.forEach((head, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const falls = head.getAttribute("aria-sort") === "ascending";
      for (const each of heads) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", falls ? "descending" : "ascending");
      rows.sort((one, other) => compare(one, other, place, falls ? -1 : 1));
      body.append(...rows);
    });
  });
  // Few rows are seen at a glance.
  if (rows.length <= 8) continue;
  const line = document.createElement("p"), label = document.createElement("label");
  const field = document.createElement("input"), count = document.createElement("span");
  line.className = "filter";
  field.type = "search";
  count.setAttribute("role", "status");
  label.append(said.filter, " ", field);
  line.append(label, " ", count);
  (table.closest(".scroll") ?? table).before(line);
  const show = () => {
    const sought = field.value.trim().toLocaleLowerCase(lang);
    for (const row of rows) row.hidden = !row.textContent.toLocaleLowerCase(lang).includes(sought);
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = said.shown.replace("{shown}", shown).replace("{all}", rows.length);
  };
  field.addEventListener("input", show);
  show();
}
