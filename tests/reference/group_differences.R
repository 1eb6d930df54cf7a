# Differences between women and men of the participants in cohort.csv in the share closed within
# twelve months, adjusted by pseudo-values (survfit with one household left out), lm, and CR2 with
# Bell-McCaffrey degrees of freedom written out; Gray's test by cmprsk.
# Rscript group_differences.R   (survival 3.5-3, cmprsk 2.2-11, jsonlite)
suppressMessages({ library(survival); library(cmprsk); library(jsonlite) })
cohort <- read.csv("cohort.csv", stringsAsFactors = FALSE)
cohort <- cohort[cohort$group == "participant", ]
month <- function(d) { d <- as.POSIXlt(d); d$year * 12 + d$mon }
cutoff <- as.Date("2021-12-31")
end <- as.Date(ifelse(cohort$closed_on == "", format(cutoff), cohort$closed_on))
cohort$months <- month(end) - month(as.Date(cohort$started_on))
aim <- c("work", "subsidised_work", "sheltered_work", "studies", "social_insurance")
causes <- c("self_sufficiency", "moved", "deceased", "other_positive", "negative")
cohort$cause <- with(cohort, ifelse(closed_on == "", "open", ifelse(closure_reason %in% aim,
  "self_sufficiency", ifelse(closure_reason == "moved", "moved", ifelse(closure_reason ==
  "deceased", "deceased", ifelse(closure_assessment == "positive", "other_positive", "negative"))))))
share <- function(d, cause) {
  fit <- survfit(Surv(months + .5, factor(cause, levels = c("open", causes))) ~ 1, data = d)
  told <- summary(fit, times = 12.5, extend = TRUE)
  place <- match(cause, fit$states)
  if (is.na(place)) 0 else told$pstate[1, place]
}
pseudo <- function(d, cause) {
  n <- nrow(d)
  n * share(d, cause) - (n - 1) * sapply(seq_len(n), function(i) share(d[-i, ], cause))
}
women <- cohort[cohort$applicant_is_woman == 1, ]
men <- cohort[cohort$applicant_is_woman == 0, ]
both <- rbind(women, men)
adjusted <- function(cause) {
  y <- c(pseudo(women, cause), pseudo(men, cause))
  treated <- rep(c(1, 0), c(nrow(women), nrow(men)))
  x <- scale(as.matrix(both[c("months_on_support", "children")]), scale = FALSE)
  X <- cbind(1, treated, x)
  bread <- solve(crossprod(X))
  H <- X %*% bread %*% t(X)
  e <- y - H %*% y
  h <- diag(H)
  a <- (X %*% bread)[, 2]
  se <- sqrt(sum(a^2 * e^2 / (1 - h)))
  # Bell and McCaffrey: the error as a quadratic form in (I - H) y, whose moments give the df.
  G <- (diag(length(y)) - H) %*% diag(a / sqrt(1 - h))
  B <- crossprod(G)
  df <- sum(diag(B))^2 / sum(B^2)
  b <- coef(lm(y ~ treated + x))[["treated"]]
  list(estimate = b, se = se, df = df, interval = b + c(-1, 1) * qt(.975, df) * se)
}
told <- c("self_sufficiency", "moved", "negative")
gray <- function(group) {
  keep <- group %in% names(which(table(group) >= 8))
  test <- cuminc(cohort$months[keep] + .5, cohort$cause[keep], group[keep], cencode = "open")$Tests
  row <- test["self_sufficiency", ]
  list(statistic = row[[1]], p = row[[2]], df = row[[3]], n = sum(keep))
}
ratios <- function(named) {
  code <- match(cohort$cause, c("open", causes)) - 1
  fg <- crr(cohort$months + .5, code, named, failcode = 1, gtol = 1e-12)
  cox <- coxph(Surv(cohort$months + .5, code == 1) ~ named, ties = "efron", control = coxph.control(eps = 1e-13))
  ends <- function(b, se) exp(b + c(0, -1, 1) * qnorm(.975) * se)
  list(subdistribution = ends(fg$coef[[1]], sqrt(fg$var[1, 1])),
       cause_specific = ends(coef(cox)[[1]], sqrt(vcov(cox)[1, 1])))
}
out <- list(computed_by = paste(R.version.string, "survival", packageVersion("survival"), "cmprsk",
                                packageVersion("cmprsk")),
            adjusted = setNames(lapply(told, adjusted), told),
            ratios = list("applicant_sex=woman" = ratios(cohort$applicant_is_woman),
                          "start=from_2020-03" = ratios(as.numeric(as.Date(cohort$started_on) >= as.Date("2020-03-01")))),
            gray = list(applicant_sex = gray(cohort$applicant_is_woman),
                        months_on_support = gray(cut(cohort$months_on_support, c(-1, 5, 12, 60, Inf))),
                        start = gray(as.Date(cohort$started_on) >= as.Date("2020-03-01"))))
write_json(out, "group_differences.json", digits = I(15), auto_unbox = TRUE, na = "null", pretty = 1)
