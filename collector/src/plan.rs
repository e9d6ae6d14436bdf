//! stub
#[allow(missing_docs)]
pub struct Member {
    pub id: u64,
    pub capacity: u32,
}
#[allow(missing_docs)]
pub fn plan(w: &[f64], members: &[Member], previous: &[Option<u64>]) -> Vec<Option<usize>> {
    let n = members.len();
    w.iter()
        .enumerate()
        .map(|(i, _)| {
            if n == 0 {
                None
            } else {
                previous[i].and_then(|p| members.iter().position(|m| m.id == p)).or(Some(i % n))
            }
        })
        .collect()
}
