//! The sites of the demo internet: who they are, and what is wrong with them.
//!
//! They are as many as in one pass over real sites in September 2023, and most answer with the same status codes; the rest
//! has one trouble each, so that everything there is to see can be seen.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;

use super::script::{Answer, Script};

/// How many of 1,321 sites answered with which status.
const MIX: &str = include_str!("status-mix.json");

/// A site that answers with 200 and takes longer than this is shown as degraded, where its row asks for that.
pub const SLOW_AFTER: Duration = Duration::from_millis(400);

/// One site.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its host, and the name of its target.
    pub host: String,
    /// What it is about.
    pub category: &'static str,
    /// Whose it is.
    pub team: &'static str,
    /// What it does.
    pub role: Role,
    /// How long its answers take.
    pace: Duration,
}

/// What a site does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It answers with this status.
    Steady(StatusCode),
    /// It answers well, and late.
    Slow,
    /// It fails for a minute of every three.
    Flapping,
    /// It stops answering two minutes after the start, for three.
    Dying,
    /// It takes connections, and never answers.
    Silent,
    /// Its answers break off.
    Broken,
    /// It takes no connection.
    Refusing,
    /// It is asked for https, and does not speak it.
    NotTls,
    /// Its name is gone.
    Lost,
    /// Its name cannot be looked up from this vantage.
    LostTo(&'static str),
    /// Its page is not the one that is expected.
    WrongPage,
    /// It redirects to itself.
    Circular,
    /// It is not probed.
    Paused,
}

/// Who takes the place of sites that answer with 200.
const CAST: [(usize, Role); 14] = [
    (15, Role::Slow),
    (6, Role::Flapping),
    (1, Role::Dying),
    (7, Role::Silent),
    (3, Role::Broken),
    (5, Role::Refusing),
    (4, Role::NotTls),
    (5, Role::Lost),
    (4, Role::LostTo("ap-south")),
    (2, Role::LostTo("us-east")),
    (1, Role::LostTo("eu-west")),
    (2, Role::WrongPage),
    (2, Role::Circular),
    (4, Role::Paused),
];

impl Site {
    /// What its server does.
    pub fn script(&self) -> Script {
        let with = |code, more| Answer::Status(code, self.pace + Duration::from_millis(more));
        let well = with(StatusCode::OK, 0);
        match self.role {
            Role::Steady(code) => Script::Always(with(code, 0)),
            Role::Slow => Script::Always(with(StatusCode::OK, 600)),
            Role::Flapping => Script::Flapping {
                good: well,
                bad: with(StatusCode::SERVICE_UNAVAILABLE, 0),
                period: Duration::from_secs(180),
                bad_for: Duration::from_secs(60),
                // Not all at once: the pace differs from site to site.
                first: self.pace * 1_000,
            },
            Role::Dying => Script::Dying {
                alive: well,
                dead: Answer::Never,
                dies: Duration::from_secs(120),
                back: Duration::from_secs(300),
            },
            Role::Silent => Script::Always(Answer::Never),
            Role::Broken => Script::Always(Answer::Broken),
            Role::Circular => Script::Always(with(StatusCode::FOUND, 0)),
            Role::Refusing
            | Role::NotTls
            | Role::Lost
            | Role::LostTo(_)
            | Role::WrongPage
            | Role::Paused => Script::Always(well),
        }
    }
}

/// The status codes of the mix, one a site, in order.
pub fn statuses() -> Vec<StatusCode> {
    let mix: BTreeMap<String, usize> = serde_json::from_str(MIX).expect("the mix is JSON");
    let each = |(code, count): (String, usize)| {
        let code: StatusCode = code.parse().expect("the mix has status codes");
        std::iter::repeat_n(code, count)
    };
    mix.into_iter().flat_map(each).collect()
}

/// All sites; those with a trouble of their own come first.
pub fn all() -> Vec<Site> {
    let cast = CAST.iter().flat_map(|(count, role)| std::iter::repeat_n(*role, *count));
    let steady = statuses().into_iter().map(Role::Steady);
    let mut roles: Vec<Role> = steady.collect();
    for (place, role) in roles.iter_mut().zip(cast) {
        *place = role;
    }
    roles.into_iter().enumerate().map(|(n, role)| site(n, role)).collect()
}

/// Far apart in the product of names and trades, so that neighbours differ in both; no two sites meet, as it has no
/// factor in common with their product.
const STRIDE: usize = 1_009;

fn site(n: usize, role: Role) -> Site {
    let names = TRADES.iter().flat_map(|(category, team, words)| {
        words.iter().map(move |word| (*category, *team, *word))
    });
    let names: Vec<_> = names.collect();
    let place = n * STRIDE % (BRANDS.len() * names.len());
    let (category, team, word) = names[place / BRANDS.len()];
    let brand = BRANDS[place % BRANDS.len()];
    let www = if n % 5 == 3 { "" } else { "www." };
    // Most of them within a tenth of a second, some in three.
    let pace = 6 + (n * 37 % 89) + if n % 11 == 7 { n * 13 % 230 } else { 0 };
    Site {
        host: format!("{www}{brand}{word}.example"),
        category,
        team,
        role,
        pace: Duration::from_millis(pace as u64),
    }
}

const BRANDS: [&str; 41] = [
    "amber", "aspen", "atlas", "birch", "blue", "bright", "cedar", "cobalt", "copper", "coral",
    "crest", "delta", "ember", "fern", "fjord", "golden", "granite", "harbor", "hazel", "indigo",
    "ivory", "jade", "juniper", "lark", "lumen", "maple", "meadow", "north", "nova", "ocean",
    "olive", "orchid", "pine", "prairie", "quartz", "river", "sierra", "silver", "summit",
    "velvet", "willow",
];

type Trade = (&'static str, &'static str, [&'static str; 8]);

const TRADES: [Trade; 12] = [
    ("Travel", "mobility", ["air", "trips", "hotels", "cruises", "rail", "stays", "tours", "cabs"]),
    ("News", "content", ["daily", "post", "herald", "wire", "times", "journal", "tribune", "echo"]),
    ("Shopping", "retail", ["store", "outlet", "mart", "goods", "bazaar", "deals", "home", "wear"]),
    (
        "Finance",
        "payments",
        ["bank", "pay", "funds", "capital", "credit", "invest", "tax", "trust"],
    ),
    (
        "Health",
        "care",
        ["clinic", "pharmacy", "care", "dental", "fit", "labs", "vision", "doctors"],
    ),
    (
        "Education",
        "campus",
        ["college", "school", "academy", "campus", "learn", "tutor", "exams", "library"],
    ),
    ("Games", "play", ["games", "arcade", "chess", "quest", "play", "racing", "league", "puzzles"]),
    (
        "Sports",
        "play",
        ["sports", "cricket", "football", "tennis", "runners", "scores", "golf", "cycling"],
    ),
    (
        "Streaming",
        "content",
        ["tv", "radio", "stream", "films", "music", "podcasts", "live", "shows"],
    ),
    (
        "Social Networking and Messaging",
        "community",
        ["chat", "friends", "forum", "mail", "meet", "pages", "talk", "circle"],
    ),
    (
        "Government",
        "civic",
        ["council", "permits", "transit", "parks", "courts", "postal", "water", "records"],
    ),
    (
        "Food",
        "retail",
        ["kitchen", "recipes", "bakery", "coffee", "grocer", "eats", "pizza", "diner"],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    #[test]
    fn there_are_1321_sites_and_every_host_is_one_of_a_kind() {
        let sites = all();
        let hosts: HashSet<_> = sites.iter().map(|site| site.host.as_str()).collect();
        assert_eq!((sites.len(), hosts.len()), (1321, 1321));
        assert!(hosts.iter().all(|host| host.ends_with(crate::demo::names::HOME)));
        let categories: BTreeSet<_> = sites.iter().map(|site| site.category).collect();
        assert_eq!(categories.len(), TRADES.len());
    }

    #[test]
    fn all_but_the_cast_answer_as_the_mix_says_and_the_cast_stands_in_for_200s() {
        let count = |code| {
            let steady = |site: &&Site| site.role == Role::Steady(code);
            all().iter().filter(steady).count()
        };
        let cast: usize = CAST.iter().map(|(count, _)| count).sum();
        let statuses = statuses();
        let codes: HashSet<_> = statuses.iter().copied().collect();
        for code in codes {
            let in_mix = statuses.iter().filter(|status| **status == code).count();
            let stands_in = if code == StatusCode::OK { cast } else { 0 };
            assert_eq!(count(code), in_mix - stands_in, "{code}");
        }
    }

    #[test]
    fn slow_sites_are_slow_and_no_other_is() {
        for site in all() {
            if let Script::Always(Answer::Status(StatusCode::OK, after)) = site.script() {
                assert_eq!(after > SLOW_AFTER, site.role == Role::Slow, "{site:?}");
            }
        }
    }
}
