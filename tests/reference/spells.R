# Exit from support and return to it for the cohort of cohort.csv with made-up payments, household
# by household in plain loops; curves by survfit for a factor status.
# Rscript spells.R   (survival 3.5-3, jsonlite); writes payments.csv and spells.json.
library(survival)
library(jsonlite)
set.seed(11)
cohort <- read.csv("cohort.csv", stringsAsFactors = FALSE)
month <- function(d) { d <- as.POSIXlt(d); d$year * 12 + d$mon }
first_known <- (2014 - 1900) * 12 + 4
last_known <- (2021 - 1900) * 12 + 11
label <- function(m) sprintf("%d-%02d-01", 1900 + m %/% 12, m %% 12 + 1)
rows <- list()
for (i in seq_len(nrow(cohort))) {
  start <- month(as.Date(cohort$started_on[i]))
  on <- runif(1) < .93
  gone <- if (cohort$closure_reason[i] %in% c("moved", "deceased")) month(as.Date(cohort$closed_on[i])) else Inf
  aimed <- cohort$closure_reason[i] %in% c("work", "studies", "social_insurance") && runif(1) < .7
  stops <- if (aimed) month(as.Date(cohort$closed_on[i])) + 1 else Inf
  for (m in (start - 5):last_known) {
    if (m == stops) on <- FALSE
    if (m > start) on <- if (on) runif(1) > .07 else runif(1) < .05
    if (m >= gone) on <- FALSE
    # a recovery may take the month below zero, which is not a payment
    if (on) rows[[length(rows) + 1]] <- data.frame(household_id = cohort$household_id[i],
      month = label(m), amount_sek = ifelse(runif(1) < .02, -500, 1000 * sample(3:15, 1)))
  }
}
payments <- do.call(rbind, rows)
write.csv(payments, "payments.csv", row.names = FALSE, quote = FALSE)

paid_months <- split(month(as.Date(payments$month[payments$amount_sek > 0])),
                     payments$household_id[payments$amount_sek > 0])
spells <- function(gap) {
  out <- list()
  for (i in seq_len(nrow(cohort))) {
    start <- month(as.Date(cohort$started_on[i]))
    paid <- paid_months[[cohort$household_id[i]]] - start
    last <- last_known - start
    if (!any(paid >= -3 & paid <= 0) || last - gap + 1 < 0) next
    gone <- if (cohort$closure_reason[i] %in% c("moved", "deceased")) month(as.Date(cohort$closed_on[i])) - start else Inf
    exit <- NA
    for (m in 0:max(0, last - gap + 1)) if (!any(m:(m + gap - 1) %in% paid)) { exit <- m; break }
    if (!is.na(exit) && exit + gap > gone) exit <- NA
    back <- NA
    if (!is.na(exit)) { later <- paid[paid > exit & paid <= last]; if (length(later)) back <- min(later) }
    out[[length(out) + 1]] <- data.frame(group = cohort$group[i], exit = exit, back = back, gone = gone, last = last)
  }
  do.call(rbind, out)
}
curve <- function(time, status, at) {
  fit <- survfit(Surv(time + .5, factor(status, levels = c("open", "event", "gone"))) ~ 1)
  s <- summary(fit, times = at + .5, extend = TRUE)
  j <- match("event", fit$states)
  p <- if (is.na(j)) rep(0, length(at)) else s$pstate[, j]
  se <- if (is.na(j)) rep(0, length(at)) else s$std.err[, j]
  th <- qnorm(.975) * se / ((1 - p) * -log(1 - p))
  list(n = length(time), estimate = p, low = 1 - (1 - p)^exp(-th), high = 1 - (1 - p)^exp(th))
}
first_of <- function(event, gone, end) {
  time <- pmin(event, gone, end, na.rm = TRUE)
  list(time = time, status = ifelse(!is.na(event) & event == time, "event", ifelse(gone == time, "gone", "open")))
}
out <- list(computed_by = paste(R.version.string, "survival", packageVersion("survival")))
for (gap in 1:3) {
  s <- spells(gap)
  for (g in c("participant", "control")) {
    d <- s[s$group == g, ]
    e <- first_of(d$exit, d$gone, d$last - gap + 1)
    out$exit[[paste(gap)]][[g]] <- curve(e$time, e$status, 0:24)
    x <- d[!is.na(d$exit), ]
    r <- first_of(x$back - x$exit, x$gone - x$exit, x$last - x$exit)
    out$back[[paste(gap)]][[g]] <- curve(r$time, r$status, c(3, 6, 12, 24))
    if (gap == 2) out$observed[[g]] <- lapply(c(3, 6, 12, 24), function(m) {
      k <- x$last - x$exit >= m
      b <- !is.na(x$back) & x$back - x$exit <= m & x$back <= x$gone
      c(sum(k & b), sum(k))
    })
  }
}
# Closures to self-sufficiency held against payments (gap 2), participants.
aim <- c("work", "subsidised_work", "sheltered_work", "studies", "social_insurance")
counts <- c(closed = 0, still_paid = 0, stopped = 0, unknown = 0, open_without_payment = 0)
# In the intervention, closed to self-sufficiency, back on support, closed otherwise; since start.
steps <- list()
step <- function(id, from, to, event) steps[[length(steps) + 1]] <<-
  data.frame(id = id, from = from, to = to, event = event)
for (i in which(cohort$group == "participant")) {
  start <- month(as.Date(cohort$started_on[i]))
  paid <- paid_months[[cohort$household_id[i]]] - start
  last <- last_known - start
  closed <- if (cohort$closed_on[i] == "") NA else month(as.Date(cohort$closed_on[i])) - start
  so <- cohort$closure_reason[i] %in% aim
  if (so) {
    counts["closed"] <- counts["closed"] + 1
    kind <- if (closed + 2 > last) "unknown" else if (any((closed + 1:2) %in% paid)) "still_paid" else "stopped"
    counts[kind] <- counts[kind] + 1
  }
  if (is.na(closed)) step(i, 0, month(as.Date("2021-12-31")) - start + .5, "open")
  else step(i, 0, closed + .5, if (so) "closed" else "else")
  if (so && last > closed) {
    gap <- NA
    for (m in closed:(closed + 1)) if (m + 1 <= last && !any(m:(m + 1) %in% paid)) { gap <- m; break }
    later <- paid[!is.na(gap) & paid > gap & paid <= last]
    if (length(later)) step(i, closed + .5, min(later) + .5, "back") else step(i, closed + .5, last + .5, "open")
  }
  if (is.na(closed) && last >= 1 && !any((last - 1):last %in% paid)) counts["open_without_payment"] <- counts["open_without_payment"] + 1
}
out$against <- as.list(counts)
long <- do.call(rbind, steps)
long$event <- factor(long$event, levels = c("open", "closed", "back", "else"))
s <- summary(survfit(Surv(from, to, event) ~ 1, data = long, id = id), times = 0:24 + .5, extend = TRUE)
out$since_start <- list(estimate = s$pstate[, 3], error = s$std.err[, 3])
write_json(out, "spells.json", digits = I(12), auto_unbox = TRUE, na = "null", pretty = 1)
